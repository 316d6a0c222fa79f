"""Building `status`: conditions that flip honestly, and the smallest merge patch from the old to the new."""

from __future__ import annotations

from datetime import datetime

from kelos.api.conditions import MESSAGE_LIMIT, merge_patch, set_condition
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


def with_condition(status: Manifest, view: TaskView, type: str, value: str, reason: str, message: str) -> Manifest:
    """`status` with one condition set. `lastTransitionTime` moves only when the value flips."""
    generation = view.task.meta.generation
    return set_condition(status, type, value, reason, message, now=view.now, generation=generation)


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
