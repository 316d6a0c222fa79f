"""The kinds of object we speak of, and where the API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Manifest = dict[str, Any]
"""One API object as decoded JSON. Never mutated once it was handed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A resource type: enough to build its paths and its manifests."""

    group: str = ""
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of the collection, or of one object, below the server's root."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name is not None:
            parts.append(name)
        if subresource is not None:
            parts.append(subresource)
        return "/" + "/".join(quote(part, safe="") for part in parts)

    def __str__(self) -> str:
        return self.kind


GROUP = "kelos.dev"

TASK = Kind(group=GROUP, version="v1alpha2", kind="Task", plural="tasks")
WORKSPACE = Kind(group=GROUP, version="v1alpha2", kind="Workspace", plural="workspaces")
AGENT_CONFIG = Kind(group=GROUP, version="v1alpha2", kind="AgentConfig", plural="agentconfigs")
TASK_SPAWNER = Kind(group=GROUP, version="v1alpha2", kind="TaskSpawner", plural="taskspawners")
TASK_RECORD = Kind(group=GROUP, version="v1alpha2", kind="TaskRecord", plural="taskrecords")

NOT_OURS_YET = ("WorkerPool", "Session", "SessionSpawner", "TaskBudget")
"""Kinds of the group that have no definition here; a manifest of one is refused with a sentence."""

CRON_JOB = Kind(group="batch", version="v1", kind="CronJob", plural="cronjobs")
DEPLOYMENT = Kind(group="apps", version="v1", kind="Deployment", plural="deployments")
JOB = Kind(group="batch", version="v1", kind="Job", plural="jobs")
ROLE = Kind(group="rbac.authorization.k8s.io", version="v1", kind="Role", plural="roles")
ROLE_BINDING = Kind(group="rbac.authorization.k8s.io", version="v1", kind="RoleBinding", plural="rolebindings")
LEASE = Kind(group="coordination.k8s.io", version="v1", kind="Lease", plural="leases")
CRD = Kind(
    group="apiextensions.k8s.io",
    version="v1",
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
)
NAMESPACE = Kind(version="v1", kind="Namespace", plural="namespaces", namespaced=False)
NODE = Kind(version="v1", kind="Node", plural="nodes", namespaced=False)
POD = Kind(version="v1", kind="Pod", plural="pods")
SECRET = Kind(version="v1", kind="Secret", plural="secrets")
CONFIG_MAP = Kind(version="v1", kind="ConfigMap", plural="configmaps")
SERVICE_ACCOUNT = Kind(version="v1", kind="ServiceAccount", plural="serviceaccounts")
EVENT = Kind(version="v1", kind="Event", plural="events")
PVC = Kind(version="v1", kind="PersistentVolumeClaim", plural="persistentvolumeclaims")
