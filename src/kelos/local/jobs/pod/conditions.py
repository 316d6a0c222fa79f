"""Conditions of a pod: the transition time moves only when the status flips."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from kelos.api.kinds import Manifest
from kelos.local.jobs.moments import stamp


class Condition(NamedTuple):
    type: str
    status: str
    reason: str = ""
    message: str = ""


def with_transitions(conditions: Sequence[Condition], old: Sequence[Manifest], now: datetime) -> list[Manifest]:
    """The conditions as a status has them; those that others set stay."""
    before = {condition["type"]: condition for condition in old}
    ours = {condition.type for condition in conditions}
    others = [condition for condition in old if condition["type"] not in ours]
    return [*(_written(condition, before.get(condition.type), now) for condition in conditions), *others]


def with_news(ours: Sequence[Manifest], theirs: Sequence[Manifest]) -> list[Manifest]:
    """Our conditions as we wrote them last, and what others added meanwhile: an eviction's disruption, for one."""
    known = {condition["type"] for condition in ours}
    return [*ours, *(condition for condition in theirs if condition["type"] not in known)]


def _written(condition: Condition, old: Manifest | None, now: datetime) -> Manifest:
    same = old is not None and old.get("status") == condition.status
    since = old["lastTransitionTime"] if old is not None and same and old.get("lastTransitionTime") else stamp(now)
    return {
        "type": condition.type,
        "status": condition.status,
        **({"reason": condition.reason} if condition.reason else {}),
        **({"message": condition.message} if condition.message else {}),
        "lastProbeTime": None,
        "lastTransitionTime": since,
    }
