"""How the values at each place of an object merge: what a list is keyed by, what is replaced as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from kelos.api.kinds import Manifest


class ListType(str, Enum):
    ATOMIC = "atomic"
    SET = "set"
    MAP = "map"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One place. Unknown places have granular maps and atomic lists, as objects without a schema do."""

    fields: Mapping[str, Shape] = field(default_factory=dict)
    rest: Shape | None = None
    items: Shape | None = None
    list_type: ListType = ListType.ATOMIC
    keys: tuple[str, ...] = ()
    key_defaults: Mapping[str, object] = field(default_factory=dict)
    merge_key: str = ""
    atomic: bool = False

    def child(self, name: str) -> Shape:
        """The shape of one key of a map."""
        return self.fields.get(name) or self.rest or ANY

    @property
    def item(self) -> Shape:
        """The shape of the items of a list."""
        return self.items or ANY

    @property
    def patch_key(self) -> str:
        """What a strategic merge patch matches items by; empty when such a patch replaces the list."""
        if self.merge_key:
            return self.merge_key
        return self.keys[0] if self.list_type is ListType.MAP else ""

    def key_of(self, item: object) -> str | None:
        """The identity of an item of an associative list as a path step, or None when it has none."""
        if self.list_type is ListType.SET:
            return f"v:{json.dumps(item, separators=(',', ':'))}"
        if not isinstance(item, dict):
            return None
        values = {key: item.get(key, self.key_defaults.get(key)) for key in self.keys}
        known = {key: value for key, value in values.items() if value is not None}
        return f"k:{json.dumps(known, sort_keys=True, separators=(',', ':'))}" if known else None


ANY = Shape()


def keyed(*keys: str, items: Shape = ANY, merge_key: str = "", **defaults: object) -> Shape:
    """An associative list."""
    return Shape(list_type=ListType.MAP, keys=keys, items=items, merge_key=merge_key, key_defaults=defaults)


def patched_by(merge_key: str, items: Shape = ANY) -> Shape:
    """A list that apply owns as a whole while strategic patches match its items."""
    return Shape(merge_key=merge_key, items=items)


def struct(**fields: Shape) -> Shape:
    return Shape(fields=fields)


SET = Shape(list_type=ListType.SET)
WHOLE = Shape(atomic=True)

METADATA = struct(finalizers=SET, ownerReferences=keyed("uid"))
OBJECT = struct(metadata=METADATA)


def custom_shape(schema: Manifest) -> Shape:
    """The shape that the `x-kubernetes-list-*` and `-map-type` marks of a structural schema describe."""
    described = _from_schema(schema)
    return Shape(fields={**described.fields, "metadata": METADATA}, rest=described.rest)


def _from_schema(schema: Manifest) -> Shape:
    additional = schema.get("additionalProperties")
    items = schema.get("items")
    list_type = ListType(schema.get("x-kubernetes-list-type", "atomic"))
    properties = (items or {}).get("properties", {}) if isinstance(items, dict) else {}
    keys = tuple(schema.get("x-kubernetes-list-map-keys", ()))
    return Shape(
        fields={name: _from_schema(child) for name, child in schema.get("properties", {}).items()},
        rest=_from_schema(additional) if isinstance(additional, dict) else None,
        items=_from_schema(items) if isinstance(items, dict) else None,
        list_type=list_type,
        keys=keys,
        key_defaults={key: properties[key]["default"] for key in keys if "default" in properties.get(key, {})},
        atomic=schema.get("x-kubernetes-map-type") == "atomic",
    )
