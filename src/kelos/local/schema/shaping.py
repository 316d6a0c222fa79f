"""Defaulting and pruning in one walk: the object as it will be stored, and what was dropped on the way."""

from __future__ import annotations

import copy
from typing import Any

from kelos.local.schema.node import ROOT_FIELDS, Node

_METADATA_LINE = (
    "annotations creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers generateName generation "
    "labels managedFields name namespace ownerReferences resourceVersion selfLink uid"
)
METADATA_FIELDS = frozenset(_METADATA_LINE.split())


def shape(manifest: dict[str, Any], node: Node) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The object with defaults and without unknown fields, and the paths of these; the input stays as it is."""
    unknown: list[str] = []
    rest = {name: value for name, value in manifest.items() if name not in ROOT_FIELDS}
    shaped = _object(rest, node, "", unknown)
    return {**{name: manifest[name] for name in ROOT_FIELDS if name in manifest}, **shaped}, tuple(unknown)


def _shaped(value: Any, node: Node, at: str, unknown: list[str]) -> Any:
    if isinstance(value, dict):
        return _object(value, node, at, unknown)
    if isinstance(value, list):
        items = node.items
        return value if items is None else [_shaped(v, items, f"{at}[{i}]", unknown) for i, v in enumerate(value)]
    if isinstance(value, float) and value.is_integer() and "integer" in node.types:
        return int(value)
    return value


def _object(value: dict[str, Any], node: Node, at: str, unknown: list[str]) -> dict[str, Any]:
    shaped: dict[str, Any] = {}
    for name, child in value.items():
        path = f"{at}.{name}" if at else name
        place = node.child(name)
        if node.is_embedded and name in ROOT_FIELDS:
            shaped[name] = _embedded(name, child, path, unknown)
        elif place is None:
            if node.keeps_unknown:
                shaped[name] = child
            else:
                unknown.append(path)
        elif child is None and not place.nullable:
            continue  # null where nothing may be null means absent; a default may follow
        else:
            shaped[name] = _shaped(child, place, path, unknown)
    for name, default in node.defaults.items():
        if name not in shaped:
            shaped[name] = _shaped(copy.deepcopy(default), node.properties[name], f"{at}.{name}", unknown)
    return shaped


def _embedded(name: str, child: Any, path: str, unknown: list[str]) -> Any:
    if name != "metadata" or not isinstance(child, dict):
        return child
    unknown.extend(f"{path}.{field}" for field in child if field not in METADATA_FIELDS)
    return {field: value for field, value in child.items() if field in METADATA_FIELDS}
