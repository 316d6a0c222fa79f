"""A structural schema, compiled once: one node per place where a value may stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.schema.causes import Cause
from kelos.local.schema.checks import build_checks
from kelos.local.schema.rules import Rule

Check = Callable[[str, Any], Cause | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What may stand in one place. `keeps_unknown` also holds for places without any type."""

    types: tuple[str, ...] = ()
    nullable: bool = False
    keeps_unknown: bool = False
    is_embedded: bool = False
    properties: Mapping[str, Node] = field(default_factory=dict)
    additional: Node | None = None
    items: Node | None = None
    required: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    all_of: tuple[Node, ...] = ()
    any_of: tuple[Node, ...] = ()
    one_of: tuple[Node, ...] = ()
    none_of: tuple[Node, ...] = ()
    list_type: str = ""
    list_keys: tuple[str, ...] = ()
    format: str = ""
    rules: tuple[Rule, ...] = ()
    has_rules: bool = False

    def child(self, name: str) -> Node | None:
        """The place of one field of an object."""
        return self.properties.get(name) or self.additional


ROOT_FIELDS = ("apiVersion", "kind", "metadata")
"""Every API object has them, whether or not its schema says so."""


def compile_node(schema: Manifest) -> Node:
    """The node of a schema and everything below it."""
    properties = {name: compile_node(child) for name, child in schema.get("properties", {}).items()}
    additional = schema.get("additionalProperties")
    rest = compile_node(additional if isinstance(additional, dict) else _ANYTHING) if additional else None
    items = compile_node(schema["items"]) if "items" in schema else None
    rules = tuple(Rule.read(rule) for rule in schema.get("x-kubernetes-validations", ()))
    below = (*properties.values(), *(node for node in (rest, items) if node is not None))
    return Node(
        types=_types(schema),
        nullable=schema.get("nullable", False),
        keeps_unknown=schema.get("x-kubernetes-preserve-unknown-fields", False),
        is_embedded=schema.get("x-kubernetes-embedded-resource", False),
        properties=properties,
        additional=rest,
        items=items,
        required=tuple(schema.get("required", ())),
        defaults={name: child["default"] for name, child in schema.get("properties", {}).items() if "default" in child},
        checks=build_checks(schema),
        all_of=tuple(map(compile_node, schema.get("allOf", ()))),
        # "integer or string" is said twice, by the mark and by an anyOf: the mark is enough.
        any_of=() if "x-kubernetes-int-or-string" in schema else tuple(map(compile_node, schema.get("anyOf", ()))),
        one_of=tuple(map(compile_node, schema.get("oneOf", ()))),
        none_of=(compile_node(schema["not"]),) if "not" in schema else (),
        list_type=schema.get("x-kubernetes-list-type", ""),
        list_keys=tuple(schema.get("x-kubernetes-list-map-keys", ())),
        format=schema.get("format", ""),
        rules=rules,
        has_rules=bool(rules) or any(node.has_rules for node in below),
    )


_ANYTHING: Manifest = {"x-kubernetes-preserve-unknown-fields": True}


def _types(schema: Manifest) -> tuple[str, ...]:
    if schema.get("x-kubernetes-int-or-string"):
        return ("integer", "string")
    return (schema["type"],) if "type" in schema else ()
