"""Which rights somebody uses: a cluster that writes down each verb in the words of a Role."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kelos.api.kinds import Kind
from kelos.install.rbac import Rule

Right = tuple[str, str, str]
"""API group, resource, verb."""

VERBS = {name: name for name in ("get", "list", "watch", "create", "patch", "delete")} | {"replace": "update"}
NOT_A_VERB: Right = ("kelos.dev", "tasks/finalizers", "update")
"""Nobody sends this: where owners are guarded, admission asks for it when a child names its Task."""


class Recording:
    """A cluster, and what was asked of it."""

    def __init__(self, cluster: Any, used: set[Right]) -> None:
        self._cluster = cluster
        self.used = used

    def __getattr__(self, name: str) -> Any:
        deed = getattr(self._cluster, name)
        if name == "logs":
            self.used.add(("", "pods/log", "get"))
        if name not in VERBS:
            return deed

        def call(kind: Kind, *args: Any, **options: Any) -> Any:
            part = f"/{options['subresource']}" if options.get("subresource") else ""
            self.used.add((kind.group, f"{kind.plural}{part}", VERBS[name]))
            return deed(kind, *args, **options)

        return call


def rights(rules: Iterable[Rule]) -> set[Right]:
    """One by one."""
    return {(group, resource, verb) for group, resources, verbs in rules for resource in resources for verb in verbs}
