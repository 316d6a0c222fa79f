"""Building `status`: conditions that flip honestly, and the smallest merge patch from the old to the new."""

from __future__ import annotations

from datetime import datetime, timezone

from kelos.api.kinds import Manifest

MESSAGE_LIMIT = 2000


def timestamp(moment: datetime) -> str:
    """The API's form: UTC, whole seconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: object) -> datetime | None:
    """An API timestamp as an aware datetime; None for anything else."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def set_condition(
    status: Manifest, type: str, value: str, reason: str, message: str, *, now: datetime, generation: int
) -> Manifest:
    """`status` with one condition set. `lastTransitionTime` moves only when the value flips."""
    conditions = list(status.get("conditions") or ())
    old = next((c for c in conditions if c["type"] == type), None)
    is_same = old is not None and old.get("status") == value
    since = old["lastTransitionTime"] if old is not None and is_same else timestamp(now)
    new = {
        "type": type,
        "status": value,
        "reason": reason,
        "message": message[:MESSAGE_LIMIT],
        "lastTransitionTime": since,
        "observedGeneration": generation,
    }
    kept = [new if c["type"] == type else c for c in conditions]
    return {**status, "conditions": kept if old is not None else [*kept, new]}


def merge_patch(old: Manifest, new: Manifest) -> Manifest:
    """The JSON merge patch that turns `old` into `new`."""
    patch: Manifest = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif old[key] != value:
            both_objects = isinstance(old[key], dict) and isinstance(value, dict)
            patch[key] = merge_patch(old[key], value) if both_objects else value
    return patch
