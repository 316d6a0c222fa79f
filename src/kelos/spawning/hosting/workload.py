"""The Deployment or CronJob of a Dedicated TaskSpawner, with a pod that Pod Security "restricted" admits."""

from __future__ import annotations

from kelos.api import names
from kelos.api.kinds import Kind, Manifest
from kelos.api.other_sources import Cron
from kelos.api.task_spawner import TaskSpawner
from kelos.settings import Settings
from kelos.spawning.hosting.host import host_labels, host_meta, host_name

HEALTH_PORT = 8081
LATEST_START_SECONDS = 3000
"""A tick may start so late. Kubernetes gives up on a CronJob that missed more than a hundred, one a minute at most."""
LONGEST_RUN_SECONDS = 900
RUNS = 3
"""A run that fails is tried twice more; the next tick makes good for the rest."""


def build_workload(kind: Kind, spawner: TaskSpawner, image: str, settings: Settings) -> Manifest:
    cron = spawner.spec.when.cron
    spec = _deployment(spawner, image, settings) if cron is None else _cron_job(cron, spawner, image, settings)
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": host_meta(spawner), "spec": spec}


def _deployment(spawner: TaskSpawner, image: str, settings: Settings) -> Manifest:
    """One at a time: an old one ends before a new one begins."""
    health = {
        "ports": [{"name": "metrics", "containerPort": HEALTH_PORT, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "metrics"}, "periodSeconds": 5},
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "metrics"},
            "periodSeconds": 20,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
    }
    container = {**_container(spawner, image, settings, f"--health-port={HEALTH_PORT}"), **health}
    return {
        "replicas": 0 if spawner.spec.suspend else 1,
        "strategy": {"type": "Recreate"},
        "revisionHistoryLimit": 1,
        "selector": {"matchLabels": {names.LABEL_SPAWNER_UID: spawner.meta.uid}},
        "template": _pod(spawner, container, "Always"),
    }


def _cron_job(cron: Cron, spawner: TaskSpawner, image: str, settings: Settings) -> Manifest:
    return {
        "schedule": cron.schedule,
        "timeZone": cron.time_zone or "Etc/UTC",
        "suspend": spawner.spec.suspend,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": LATEST_START_SECONDS,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
        "jobTemplate": {
            "metadata": {"labels": host_labels(spawner)},
            "spec": {
                "backoffLimit": RUNS - 1,
                "activeDeadlineSeconds": LONGEST_RUN_SECONDS,
                "template": _pod(spawner, _container(spawner, image, settings, "--one-shot"), "Never"),
            },
        },
    }


def _pod(spawner: TaskSpawner, container: Manifest, restart_policy: str) -> Manifest:
    spec = {
        "serviceAccountName": host_name(spawner),
        "restartPolicy": restart_policy,
        "terminationGracePeriodSeconds": 15,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": names.AGENT_UID,
            "runAsGroup": names.AGENT_UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    return {"metadata": {"labels": host_labels(spawner)}, "spec": spec}


def _container(spawner: TaskSpawner, image: str, settings: Settings, mode: str) -> Manifest:
    meta = spawner.meta
    container: Manifest = {
        "name": "spawner",
        "image": image,
        "args": ["serve", "spawner", f"--namespace={meta.namespace}", f"--name={meta.name}", mode],
        "resources": {"requests": dict(settings.spawner_requests), "limits": dict(settings.spawner_limits)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return container | ({"imagePullPolicy": settings.image_pull_policy} if settings.image_pull_policy else {})
