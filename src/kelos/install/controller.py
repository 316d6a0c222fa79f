"""The controller as a cluster runs it: its namespace, identity, rights and Deployment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kelos.api.kinds import Manifest
from kelos.install import rbac
from kelos.settings import AGENT_TYPES, REGISTRY

NAMESPACE = "kelos-system"
NAME = "kelos-controller"
ELECTION = "kelos-controller-election"
HOSTING = "kelos-controller-hosting"
HEALTH_PORT = 8081
USER_ID = 61100
LABELS = {
    "app.kubernetes.io/name": "kelos",
    "app.kubernetes.io/component": "controller",
    "app.kubernetes.io/part-of": "kelos",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """How the controller is installed. Images are `<prefix>/<name>:<tag>`; without `serves` it serves everybody."""

    prefix: str = REGISTRY
    tag: str = "latest"
    namespace: str = NAMESPACE
    serves: tuple[str, ...] = ()
    replicas: int = 1
    pull_policy: str | None = None
    hosts_spawners: bool = False
    """Whether the controller may give Dedicated TaskSpawners processes of their own."""


def build_controller(wanted: Installation) -> list[Manifest]:
    """Everything but the CRDs, in the order in which to apply it. Namespaces that it serves must be there."""
    namespace = wanted.namespace
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": _restricted()}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta(namespace)},
        *_rights(wanted),
        rbac.role(ELECTION, namespace, rbac.rules(rbac.ELECTION_RULES)),
        rbac.binding(ELECTION, namespace, NAME, namespace),
        _deployment(wanted),
    ]


def _rights(wanted: Installation) -> Iterator[Manifest]:
    """A ClusterRole, or a Role in each served namespace: then Secrets of all others are out of reach."""
    for served in wanted.serves or (None,):
        yield rbac.role(NAME, served, rbac.rules())
        yield rbac.binding(NAME, served, NAME, wanted.namespace)
        if wanted.hosts_spawners:
            yield rbac.role(HOSTING, served, rbac.rules(rbac.HOSTING_RULES))
            yield rbac.binding(HOSTING, served, NAME, wanted.namespace)


def _deployment(wanted: Installation) -> Manifest:
    pod = {
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 15,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(wanted)],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(wanted.namespace),
        "spec": {
            "replicas": wanted.replicas,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": pod},
        },
    }


def _container(wanted: Installation) -> Manifest:
    prefix, tag, pull_policy = wanted.prefix, wanted.tag, wanted.pull_policy
    args = ["serve", "controller", "--leader-elect", f"--election-namespace={wanted.namespace}"]
    args += [f"--watch-namespace={served}" for served in wanted.serves]
    args += [f"--health-port={HEALTH_PORT}", f"--runner-image={prefix}/kelos-runner:{tag}"]
    args += [f"--spawner-image={prefix}/kelos:{tag}"] if wanted.hosts_spawners else []
    args += [f"--agent-image={agent}={prefix}/{agent}:{tag}" for agent in AGENT_TYPES]
    container: Manifest = {
        "name": "controller",
        "image": f"{prefix}/kelos:{tag}",
        "args": [*args, f"--image-pull-policy={pull_policy}"] if pull_policy else args,
        "ports": [{"name": "health", "containerPort": HEALTH_PORT}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "health"}, "periodSeconds": 2},
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "health"},
            "periodSeconds": 20,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return container | ({"imagePullPolicy": pull_policy} if pull_policy else {})


def _meta(namespace: str) -> Manifest:
    return {"name": NAME, "namespace": namespace, "labels": LABELS}


def _restricted() -> dict[str, str]:
    return {"pod-security.kubernetes.io/enforce": "restricted"}
