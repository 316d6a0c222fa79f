"""The controller as a cluster runs it: its namespace, identity, rights and Deployment."""

from __future__ import annotations

from kelos.api.kinds import Manifest
from kelos.install import rbac
from kelos.settings import AGENT_TYPES, REGISTRY

NAMESPACE = "kelos-system"
NAME = "kelos-controller"
HEALTH_PORT = 8081
USER_ID = 61100
LABELS = {
    "app.kubernetes.io/name": "kelos",
    "app.kubernetes.io/component": "controller",
    "app.kubernetes.io/part-of": "kelos",
}


def build_controller(
    *,
    prefix: str = REGISTRY,
    tag: str = "latest",
    namespace: str = NAMESPACE,
    replicas: int = 1,
    pull_policy: str | None = None,
) -> list[Manifest]:
    """Everything but the CRDs, in the order in which to apply it. Images are `<prefix>/<name>:<tag>`."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta(namespace)}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": _restricted()}},
        account,
        rbac.role(NAME, None, rbac.rules()),
        rbac.binding(NAME, None, NAME, namespace),
        rbac.role(NAME, namespace, rbac.rules(rbac.ELECTION_RULES)),
        rbac.binding(NAME, namespace, NAME, namespace),
        _deployment(prefix, tag, namespace, replicas, pull_policy),
    ]


def _deployment(prefix: str, tag: str, namespace: str, replicas: int, pull_policy: str | None) -> Manifest:
    pod = {
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 15,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(prefix, tag, namespace, pull_policy)],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(namespace),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": pod},
        },
    }


def _container(prefix: str, tag: str, namespace: str, pull_policy: str | None) -> Manifest:
    args = ["serve", "controller", "--leader-elect", f"--election-namespace={namespace}"]
    args += [f"--health-port={HEALTH_PORT}", f"--runner-image={prefix}/kelos-runner:{tag}"]
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
