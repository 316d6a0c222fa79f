"""A compiled custom resource schema: what the API server asks before it stores an object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kelos.api.kinds import Manifest
from kelos.local.schema.causes import BLOCKING, NOT_CHECKED, Cause
from kelos.local.schema.evaluation import check_rules
from kelos.local.schema.node import Node, compile_node
from kelos.local.schema.shaping import shape
from kelos.local.schema.values import ABSENT, validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The object as it would be stored. It may be stored only when there are no `causes`."""

    manifest: Manifest
    causes: tuple[Cause, ...]
    unknown_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListType:
    """How the items of a list are told apart: `atomic`, `set`, or `map` by `keys`."""

    kind: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomSchema:
    """One version's schema."""

    root: Node

    def admit(self, new: Manifest, old: Manifest | None) -> Admitted:
        """Default, prune and judge an object; `old` is what is stored now, None on create."""
        manifest, unknown = shape(new, self.root)
        before = ABSENT if old is None else old
        causes = tuple(validate(manifest, before, self.root))
        if self.root.has_rules:
            if any(cause.reason in BLOCKING for cause in causes):
                causes = (*causes, NOT_CHECKED)
            else:
                causes = (*causes, *check_rules(manifest, before, self.root))
        return Admitted(manifest=manifest, causes=causes, unknown_fields=unknown)

    def list_type(self, path: Sequence[str]) -> ListType | None:
        """How the list at a path of field names merges; lists on the way are stepped into. None: no list there."""
        node: Node | None = self.root
        for name in path:
            while node is not None and node.items is not None:
                node = node.items
            node = node.child(name) if node is not None else None
        if node is None or node.types != ("array",):
            return None
        return ListType(kind=node.list_type or "atomic", keys=node.list_keys)


def compile_schema(open_api_v3_schema: Manifest) -> CustomSchema:
    """Compile `openAPIV3Schema` of a CustomResourceDefinition's version."""
    return CustomSchema(compile_node(open_api_v3_schema))
