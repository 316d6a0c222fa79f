"""What a Job and its pods say, one question per function."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.jobs.moments import moment

TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking"
"""On every pod until its end is counted in the Job's status, so that no end is lost or counted twice."""


def status_of(manifest: Manifest) -> Manifest:
    return manifest.get("status") or {}


def uid_of(manifest: Manifest) -> str:
    return str(manifest["metadata"]["uid"])


def name_of(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])


def phase_of(pod: Manifest) -> str:
    return str(status_of(pod).get("phase") or "Pending")


def is_deleting(manifest: Manifest) -> bool:
    return bool(manifest["metadata"].get("deletionTimestamp"))


def is_terminal(pod: Manifest) -> bool:
    return phase_of(pod) in ("Succeeded", "Failed")


def is_active(pod: Manifest) -> bool:
    return not is_terminal(pod) and not is_deleting(pod)


def is_terminating(pod: Manifest) -> bool:
    return not is_terminal(pod) and is_deleting(pod)


def is_tracked(pod: Manifest) -> bool:
    return TRACKING_FINALIZER in (pod["metadata"].get("finalizers") or ())


def is_ready(pod: Manifest) -> bool:
    return condition_is_true(pod, "Ready")


def replaces_only_failed(job: Manifest) -> bool:
    """Whether a pod that is still terminating keeps its place."""
    return job["spec"].get("podReplacementPolicy") == "Failed" or bool(job["spec"].get("podFailurePolicy"))


def is_failed(job: Manifest, pod: Manifest) -> bool:
    """A deleted pod counts as failed at once, unless the Job waits for pods to be really over."""
    if phase_of(pod) == "Failed":
        return True
    return not replaces_only_failed(job) and is_deleting(pod) and phase_of(pod) != "Succeeded"


def find_condition(manifest: Manifest, type: str) -> Manifest | None:
    conditions: list[Manifest] = status_of(manifest).get("conditions") or []
    return next((condition for condition in conditions if condition.get("type") == type), None)


def condition_is_true(manifest: Manifest, type: str) -> bool:
    condition = find_condition(manifest, type)
    return condition is not None and condition.get("status") == "True"


def is_finished(job: Manifest) -> bool:
    return condition_is_true(job, "Complete") or condition_is_true(job, "Failed")


def is_suspended(job: Manifest) -> bool:
    return bool(job["spec"].get("suspend"))


def started_at(job: Manifest) -> datetime | None:
    text = status_of(job).get("startTime")
    return moment(text) if text else None


def finished_at(job: Manifest) -> datetime | None:
    """When the Job got its final condition."""
    for type in ("Complete", "Failed"):
        condition = find_condition(job, type)
        if condition is not None and condition.get("status") == "True":
            return moment(condition["lastTransitionTime"])
    return None


def ended_at(pod: Manifest) -> datetime:
    """When the pod's last container ended; for a pod that never ran, when it was deleted or made."""
    ends = [
        moment(state["finishedAt"])
        for container in container_statuses(pod)
        if (state := (container.get("state") or {}).get("terminated")) and state.get("finishedAt")
    ]
    metadata = pod["metadata"]
    return max(ends) if ends else moment(metadata.get("deletionTimestamp") or metadata["creationTimestamp"])


def container_statuses(pod: Manifest) -> list[dict[str, Any]]:
    status = status_of(pod)
    return [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]


def owner_uid(pod: Manifest) -> str | None:
    """The uid of the Job that controls the pod."""
    for reference in pod["metadata"].get("ownerReferences") or ():
        if reference.get("controller") and reference.get("kind") == "Job":
            return str(reference["uid"])
    return None
