"""The pod a Job makes from its template."""

from __future__ import annotations

from kelos.api.kinds import JOB, POD, Manifest
from kelos.local.jobs.control.facts import TRACKING_FINALIZER, name_of, uid_of

LABEL_CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
LABEL_JOB_NAME = "batch.kubernetes.io/job-name"
LEGACY_LABELS = {LABEL_CONTROLLER_UID: "controller-uid", LABEL_JOB_NAME: "job-name"}
NAME_LIMIT = 63
"""A pod's name is its host name too."""


def build_pod(job: Manifest, suffix: str) -> Manifest:
    """One more pod; labels, annotations and finalizers are the template's, and ours."""
    template = job["spec"]["template"]
    metadata = template.get("metadata") or {}
    own = {LABEL_CONTROLLER_UID: uid_of(job), LABEL_JOB_NAME: name_of(job)}
    labels = {**own, **{LEGACY_LABELS[key]: value for key, value in own.items()}}
    return {
        "apiVersion": POD.api_version,
        "kind": POD.kind,
        "metadata": {
            "name": pod_name(name_of(job), suffix),
            "generateName": f"{name_of(job)}-",
            "namespace": job["metadata"]["namespace"],
            "labels": {**labels, **(metadata.get("labels") or {})},
            "annotations": dict(metadata.get("annotations") or {}),
            "finalizers": [*(metadata.get("finalizers") or ()), TRACKING_FINALIZER],
            "ownerReferences": [owner_reference(job)],
        },
        "spec": template["spec"],
    }


def pod_name(job_name: str, suffix: str) -> str:
    return f"{job_name[: NAME_LIMIT - len(suffix) - 1]}-{suffix}"


def owner_reference(job: Manifest) -> Manifest:
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "name": name_of(job),
        "uid": uid_of(job),
        "controller": True,
        "blockOwnerDeletion": True,
    }
