"""How long a Job waits before it replaces a failed pod: 10 s, doubled by every failure since the last success."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from kelos.api.kinds import Manifest
from kelos.local.jobs.control.facts import ended_at, phase_of
from kelos.local.jobs.settings import JobSettings


def wait_before_create(
    pods: Sequence[Manifest], failed: Sequence[Manifest], now: datetime, settings: JobSettings
) -> timedelta:
    """Zero or less when a pod may be created now."""
    last_success = max((ended_at(pod) for pod in pods if phase_of(pod) == "Succeeded"), default=None)
    ends = [ended_at(pod) for pod in failed]
    since = [end for end in ends if last_success is None or end > last_success]
    return max(since) + delay(len(since), settings) - now if since else timedelta()


def delay(failures: int, settings: JobSettings) -> timedelta:
    """After `failures` in a row."""
    seconds = settings.backoff_seconds * 2 ** min(failures - 1, 30)
    return timedelta(seconds=min(seconds, settings.longest_backoff_seconds))
