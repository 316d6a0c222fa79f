"""Counting the pods of a Job so that every end counts once, across crashes.

pod ends ──▶ uid in status.uncountedTerminatedPods ──▶ finalizer off the pod ──▶ number in status, uid out of the list
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kelos.api.kinds import Manifest
from kelos.local.jobs.control.facts import (
    is_active,
    is_deleting,
    is_failed,
    is_ready,
    is_terminating,
    is_tracked,
    name_of,
    phase_of,
    status_of,
    uid_of,
)
from kelos.local.jobs.control.failure_policy import Action, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """`counted_*` are settled; `uncounted_*` are uids of ended pods whose finalizer is still to go."""

    active: tuple[Manifest, ...]
    ready: int
    terminating: int
    counted_succeeded: int
    counted_failed: int
    uncounted_succeeded: tuple[str, ...]
    uncounted_failed: tuple[str, ...]
    failed_pods: tuple[Manifest, ...]
    release: tuple[str, ...]
    """Names of pods that may lose the tracking finalizer once this tally is in the Job's status."""

    @property
    def succeeded(self) -> int:
        return self.counted_succeeded + len(self.uncounted_succeeded)

    @property
    def failed(self) -> int:
        return self.counted_failed + len(self.uncounted_failed)

    @property
    def is_settled(self) -> bool:
        """Nothing runs, nothing ends, nothing waits to be counted."""
        return not (
            self.active or self.terminating or self.release or self.uncounted_succeeded or self.uncounted_failed
        )


def count(job: Manifest, pods: Sequence[Manifest]) -> Tally:
    """Take every pod and the Job's own memory into account."""
    status, policy = status_of(job), job["spec"].get("podFailurePolicy")
    tracked = {uid_of(pod): pod for pod in pods if is_tracked(pod)}
    remembered = status.get("uncountedTerminatedPods") or {}
    succeeded = [uid for uid in remembered.get("succeeded") or () if uid in tracked]
    failed = [uid for uid in remembered.get("failed") or () if uid in tracked]
    release = [name_of(tracked[uid]) for uid in (*succeeded, *failed)]
    for uid, pod in tracked.items():
        if uid in succeeded or uid in failed:
            continue
        if phase_of(pod) == "Succeeded":
            succeeded.append(uid)
        elif is_failed(job, pod):
            if judge(policy, pod).action is not Action.IGNORE:
                failed.append(uid)
        elif not is_deleting(job):
            continue
        release.append(name_of(pod))
    settled_succeeded = len(set(remembered.get("succeeded") or ()) - tracked.keys())
    settled_failed = len(set(remembered.get("failed") or ()) - tracked.keys())
    return Tally(
        active=tuple(pod for pod in pods if is_active(pod)),
        ready=sum(is_ready(pod) for pod in pods if is_active(pod)),
        terminating=sum(is_terminating(pod) for pod in pods),
        counted_succeeded=int(status.get("succeeded") or 0) + settled_succeeded,
        counted_failed=int(status.get("failed") or 0) + settled_failed,
        uncounted_succeeded=tuple(succeeded),
        uncounted_failed=tuple(failed),
        failed_pods=tuple(pod for pod in pods if is_failed(job, pod)),
        release=tuple(release),
    )
