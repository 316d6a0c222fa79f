"""Building `status`: conditions that flip honestly, and the smallest merge patch from the old to the new."""

from __future__ import annotations

from datetime import datetime, timezone

from kelos.api.kinds import TASK, Manifest
from kelos.api.reasons import Phase, Reason
from kelos.plan import SetStatus, Step
from kelos.tasks.view import TaskView

SUCCEEDED = "Succeeded"
DEPENDENCIES_FOUND = "DependenciesFound"
INPUTS_READY = "InputsReady"
STOP_REQUESTED = "StopRequested"
WORKSPACE_FREE = "WorkspaceFree"
"""Set for Tasks of a persistent Workspace: whether another one is at work in it."""

MESSAGE_LIMIT = 2000


def timestamp(moment: datetime) -> str:
    """The API's form: UTC, whole seconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_condition(status: Manifest, view: TaskView, type: str, value: str, reason: str, message: str) -> Manifest:
    """`status` with one condition set. `lastTransitionTime` moves only when the value flips."""
    conditions = list(status.get("conditions") or ())
    old = next((c for c in conditions if c["type"] == type), None)
    is_same = old is not None and old.get("status") == value
    since = old["lastTransitionTime"] if old is not None and is_same else timestamp(view.now)
    new = {
        "type": type,
        "status": value,
        "reason": reason,
        "message": message[:MESSAGE_LIMIT],
        "lastTransitionTime": since,
        "observedGeneration": view.task.meta.generation,
    }
    kept = [new if c["type"] == type else c for c in conditions]
    return {**status, "conditions": kept if old is not None else [*kept, new]}


def true_condition(status: Manifest, type: str) -> Manifest | None:
    """The condition when it holds."""
    return next((c for c in status.get("conditions") or () if c["type"] == type and c.get("status") == "True"), None)


def has_condition(status: Manifest, type: str, value: str) -> bool:
    return any(c["type"] == type and c.get("status") == value for c in status.get("conditions") or ())


def condition_since(status: Manifest, type: str, value: str) -> datetime | None:
    """Since when the condition has had this value; None when it has another or was never set."""
    for condition in status.get("conditions") or ():
        if condition["type"] == type and condition.get("status") == value:
            return datetime.fromisoformat(condition["lastTransitionTime"].replace("Z", "+00:00"))
    return None


def in_phase(view: TaskView, phase: Phase, reason: Reason | None, message: str, **fields: object) -> Manifest:
    """The status moved to a phase, with the `Succeeded` condition that goes with it."""
    agent_type = view.task.spec.effective.agent_type
    status: Manifest = {
        **view.status,
        "observedGeneration": view.task.meta.generation,
        "type": agent_type.value if agent_type is not None else "",
        "phase": phase.value,
        "message": message[:MESSAGE_LIMIT],
        **fields,
    }
    if reason is None:
        status.pop("reason", None)
    else:
        status["reason"] = reason.value
    value = {Phase.SUCCEEDED: "True", Phase.FAILED: "False"}.get(phase, "Unknown")
    word = reason.value if reason is not None else phase.value
    return with_condition(status, view, SUCCEEDED, value, word, message)


def set_status(view: TaskView, status: Manifest) -> tuple[Step, ...]:
    """The one status write of a pass, or nothing when the status already says so."""
    body = merge_patch(view.status, status)
    if not body:
        return ()
    meta = view.task.meta
    return (
        SetStatus(
            kind=TASK, namespace=meta.namespace, name=meta.name, resource_version=meta.resource_version, body=body
        ),
    )


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
