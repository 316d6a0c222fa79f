"""What runs a Dedicated TaskSpawner: a Deployment for one that polls, a CronJob for one with a schedule."""

from __future__ import annotations

from kelos.api.kinds import CRON_JOB, DEPLOYMENT, TASK_SPAWNER, Kind, Manifest
from kelos.api.names import (
    LABEL_COMPONENT,
    LABEL_MANAGED_BY,
    LABEL_NAME,
    LABEL_SPAWNER,
    LABEL_SPAWNER_UID,
    MANAGER,
    shorten,
)
from kelos.api.task_spawner import Isolation, TaskSpawner

STATUS_FIELDS = {DEPLOYMENT: "deploymentName", CRON_JOB: "cronJobName"}

NAME_LIMIT = 52
"""What Kubernetes allows a CronJob, whose Jobs add to it. All objects of one spawner have one name."""


def host_kind(spawner: TaskSpawner) -> Kind | None:
    """None for a spawner that shares a process with others, as every one does to whom its source speaks up."""
    spec = spawner.spec
    if spec.isolation is not Isolation.DEDICATED or spec.when.kind.is_pushed:
        return None
    return DEPLOYMENT if spec.when.cron is None else CRON_JOB


def host_name(spawner: TaskSpawner) -> str:
    return shorten(f"kelos-spawner-{spawner.meta.name}", NAME_LIMIT)


def host_meta(spawner: TaskSpawner) -> Manifest:
    """Name, labels and owner of every object that is made for a spawner's process."""
    owner = {
        "apiVersion": TASK_SPAWNER.api_version,
        "kind": TASK_SPAWNER.kind,
        "name": spawner.meta.name,
        "uid": spawner.meta.uid,
        "controller": True,
    }
    return {
        "name": host_name(spawner),
        "namespace": spawner.meta.namespace,
        "labels": host_labels(spawner),
        "ownerReferences": [owner],
    }


def host_labels(spawner: TaskSpawner) -> dict[str, str]:
    """The reference's, and ours and everybody's beside them."""
    return {
        LABEL_NAME: "kelos",
        LABEL_COMPONENT: "spawner",
        LABEL_MANAGED_BY: MANAGER,
        LABEL_SPAWNER: shorten(spawner.meta.name),
        LABEL_SPAWNER_UID: spawner.meta.uid,
        "app.kubernetes.io/name": "kelos",
        "app.kubernetes.io/component": "spawner",
        "app.kubernetes.io/part-of": "kelos",
        "app.kubernetes.io/managed-by": MANAGER,
    }
