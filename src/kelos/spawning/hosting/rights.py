"""What the process of one TaskSpawner may do: what its one engine uses, in its namespace, on things with a name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kelos.api.kinds import ROLE, ROLE_BINDING, SERVICE_ACCOUNT, Manifest
from kelos.api.task_spawner import TaskSpawner
from kelos.api.workspace import Workspace
from kelos.spawning.hosting.host import host_meta, host_name
from kelos.spawning.ledger.ledger import Owner

Rule = tuple[str, str, tuple[str, ...], tuple[str, ...]]
"""API group, resource, verbs, and the names that they are for; without any for all of the namespace."""


def build_rights(spawner: TaskSpawner, workspace: Workspace | None) -> tuple[Manifest, Manifest, Manifest]:
    """An identity, a Role, and the binding of one to the other."""
    meta, name = host_meta(spawner), host_name(spawner)
    account = {"apiVersion": SERVICE_ACCOUNT.api_version, "kind": SERVICE_ACCOUNT.kind, "metadata": meta}
    role = {
        "apiVersion": ROLE.api_version,
        "kind": ROLE.kind,
        "metadata": meta,
        "rules": [_rule(*rule) for rule in rules(spawner, workspace)],
    }
    binding = {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": ROLE_BINDING.kind,
        "metadata": meta,
        "roleRef": {"apiGroup": ROLE.group, "kind": ROLE.kind, "name": name},
        "subjects": [{"kind": SERVICE_ACCOUNT.kind, "name": name, "namespace": spawner.meta.namespace}],
    }
    return account, role, binding


def rules(spawner: TaskSpawner, workspace: Workspace | None) -> Iterator[Rule]:
    """None of them may be more than what the controller has: it could not grant it."""
    meta = spawner.meta
    head = Owner(namespace=meta.namespace, name=meta.name, uid=meta.uid).head_name
    yield "kelos.dev", "tasks", ("get", "list", "watch", "create", "patch", "delete"), ()
    yield "kelos.dev", "taskspawners", ("list", "watch"), (meta.name,)
    yield "kelos.dev", "taskspawners/status", ("patch",), (meta.name,)
    yield "kelos.dev", "workspaces", ("list", "watch"), ()
    # Segments of the ledger are named by what is in them.
    yield "", "configmaps", ("get", "create", "delete"), ()
    yield "", "configmaps", ("patch",), (head,)
    if secrets := secret_names(spawner, workspace):
        yield "", "secrets", ("get", "list", "watch"), secrets


def secret_names(spawner: TaskSpawner, workspace: Workspace | None) -> tuple[str, ...]:
    """The Secrets that its source and its context sources sign in with; those of its Tasks are none of its business."""
    return tuple(sorted(set(_secrets(spawner, workspace))))


def _secrets(spawner: TaskSpawner, workspace: Workspace | None) -> Iterator[str]:
    spec = spawner.spec
    if spec.when.jira is not None:
        yield spec.when.jira.secret_ref.name
    is_github = spec.when.github_issues is not None or spec.when.github_pull_requests is not None
    if is_github and workspace is not None and workspace.spec.secret_ref is not None:
        yield workspace.spec.secret_ref.name
    for source in spec.task_template.context_sources:
        yield from (header.secret_name for header in source.http.headers_from)
        if source.http.github_app_auth is not None:
            yield source.http.github_app_auth.secret_ref.name


def _rule(group: str, resource: str, verbs: Iterable[str], names: tuple[str, ...]) -> Manifest:
    rule: Manifest = {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    return {**rule, "resourceNames": list(names)} if names else rule
