"""Conditions of a Job's status: set in place, the transition time moves only when the status flips."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kelos.api.kinds import Manifest
from kelos.local.jobs.moments import stamp


def with_condition(
    conditions: Sequence[Manifest], type: str, status: str, reason: str, message: str, now: datetime
) -> list[Manifest]:
    """The list with this condition in it; an equal one stays untouched."""
    old = next((condition for condition in conditions if condition["type"] == type), None)
    if old is not None and (old["status"], old.get("reason"), old.get("message")) == (status, reason, message):
        return list(conditions)
    flipped = old is None or old["status"] != status
    new = {
        "type": type,
        "status": status,
        "reason": reason,
        "message": message,
        "lastProbeTime": stamp(now),
        "lastTransitionTime": stamp(now) if flipped or old is None else old["lastTransitionTime"],
    }
    if old is None:
        return [*conditions, new]
    return [new if condition is old else condition for condition in conditions]
