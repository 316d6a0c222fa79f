"""The last status of pods that nobody will run: lost with a former node, or deleted before they had one."""

from __future__ import annotations

from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.jobs.moments import Clock, stamp
from kelos.local.jobs.pod.conditions import Condition, with_transitions

NODE_LOST = "The node that ran the pod ended without finishing it"
NEVER_SCHEDULED = "Pod was deleted before it was assigned to a node"


def lost_status(pod: Manifest, now: Clock) -> Manifest:
    """Failed as a disruption: the pod was not at fault, and is never run again."""
    status = pod.get("status") or {}
    conditions = [
        Condition("Ready", "False", "PodFailed"),
        Condition("ContainersReady", "False", "PodFailed"),
        Condition("DisruptionTarget", "True", "TerminationByKubelet", NODE_LOST),
    ]
    at = stamp(now())
    return {
        "phase": "Failed",
        "reason": "NodeLost",
        "message": NODE_LOST,
        "conditions": with_transitions(conditions, status.get("conditions") or (), now()),
        **{
            field: [_lost(each, at) for each in status[field]]
            for field in ("initContainerStatuses", "containerStatuses")
            if status.get(field)
        },
    }


def never_scheduled_status() -> Manifest:
    return {"phase": "Failed", "message": NEVER_SCHEDULED}


def _lost(container: dict[str, Any], at: str) -> dict[str, Any]:
    """A container that ran or would have run has no known end."""
    state = container.get("state") or {}
    if "terminated" in state:
        return container
    ended = {
        "exitCode": 137,
        "reason": "ContainerStatusUnknown",
        "message": "The container could not be located when the pod was terminated",
        "startedAt": (state.get("running") or {}).get("startedAt"),
        "finishedAt": at,
    }
    return {**container, "ready": False, "started": False, "state": {"terminated": ended}}
