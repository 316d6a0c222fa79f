"""What the controller may do, and nothing more: the rules of its roles."""

from __future__ import annotations

from kelos.api.kinds import Manifest

GROUP = "rbac.authorization.k8s.io"
API_VERSION = f"{GROUP}/v1"

Rule = tuple[str, tuple[str, ...], tuple[str, ...]]
"""API group, resources, verbs."""

RULES: tuple[Rule, ...] = (
    ("kelos.dev", ("tasks",), ("get", "list", "watch", "create", "patch", "delete")),
    ("kelos.dev", ("tasks/status",), ("patch",)),
    # Where owners are guarded, who makes a child that blocks its owner's deletion must be allowed this.
    ("kelos.dev", ("tasks/finalizers",), ("update",)),
    # Patch takes the reference's finalizer off a TaskSpawner that is being deleted.
    ("kelos.dev", ("taskspawners",), ("get", "list", "watch", "patch")),
    ("kelos.dev", ("taskspawners/status",), ("patch",)),
    ("kelos.dev", ("taskrecords",), ("get", "create")),
    ("kelos.dev", ("workspaces", "agentconfigs"), ("list", "watch")),
    ("batch", ("jobs",), ("get", "list", "watch", "create", "patch", "delete")),
    ("", ("pods",), ("get", "list", "watch", "patch")),
    ("", ("pods/log",), ("get",)),
    # List and watch of one Secret by name, while a Task waits for it; patch renews the token of a Task's own Secret.
    ("", ("secrets",), ("get", "list", "watch", "create", "patch")),
    # What spawners have handled is kept in ConfigMaps of theirs. List and watch are as with Secrets.
    ("", ("configmaps",), ("get", "list", "watch", "create", "patch", "delete")),
    ("", ("persistentvolumeclaims",), ("get", "create")),
    ("coordination.k8s.io", ("leases",), ("get", "list", "watch", "create", "update", "delete")),
    ("", ("events",), ("create", "list")),
)
"""In every namespace that the controller serves."""

HOSTING_RULES: tuple[Rule, ...] = (
    ("apps", ("deployments",), ("get", "create", "patch", "delete")),
    ("batch", ("cronjobs",), ("get", "create", "patch", "delete")),
    ("", ("serviceaccounts",), ("get", "create", "patch", "delete")),
    # Kubernetes lets nobody grant what he has not: these roles stay below `RULES`, and need neither bind nor escalate.
    (GROUP, ("roles", "rolebindings"), ("get", "create", "patch", "delete")),
)
"""Beside them where TaskSpawners may ask for `isolation: Dedicated`, a process of their own."""

ELECTION_RULES: tuple[Rule, ...] = (("coordination.k8s.io", ("leases",), ("get", "create", "update")),)
"""The same for the namespace of the leader's Lease."""


def rules(wanted: tuple[Rule, ...] = RULES) -> list[Manifest]:
    """Rules as a Role carries them."""
    return [{"apiGroups": [group], "resources": list(what), "verbs": list(verbs)} for group, what, verbs in wanted]


def role(name: str, namespace: str | None, wanted: list[Manifest]) -> Manifest:
    """A Role, or a ClusterRole without a namespace."""
    kind = "ClusterRole" if namespace is None else "Role"
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": _meta(name, namespace), "rules": wanted}


def binding(name: str, namespace: str | None, account: str, account_namespace: str) -> Manifest:
    """Gives the role of that name to a ServiceAccount; everywhere without a namespace."""
    is_everywhere = namespace is None
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterRoleBinding" if is_everywhere else "RoleBinding",
        "metadata": _meta(name, namespace),
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole" if is_everywhere else "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": account_namespace}],
    }


def _meta(name: str, namespace: str | None) -> Manifest:
    return {"name": name} if namespace is None else {"name": name, "namespace": namespace}
