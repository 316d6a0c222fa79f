"""Pydantic models → the structural schema of a CustomResourceDefinition."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from kelos.api.kinds import Manifest

_DROPPED = ("title", "default", "$defs")
_INTEGER = {"type": "integer", "format": "int64"}


def structural_schema(model: type[BaseModel]) -> Manifest:
    """The schema of an API object: `$ref`s put in place, nothing optional is nullable, nothing has a default."""
    raw = model.model_json_schema(by_alias=True, mode="validation")
    schema = _structural(raw, raw.get("$defs", {}))
    properties = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        **schema["properties"],
        "metadata": {"type": "object"},
    }
    return {**schema, "properties": properties}


def _structural(raw: Manifest, definitions: Manifest) -> Manifest:
    node = _resolved(raw, definitions)
    node = {key: value for key, value in node.items() if key not in _DROPPED}
    if "properties" in node:
        node["properties"] = {name: _structural(child, definitions) for name, child in node["properties"].items()}
    if "items" in node:
        node["items"] = _structural(node["items"], definitions)
    if isinstance(node.get("additionalProperties"), dict):
        node["additionalProperties"] = _structural(node["additionalProperties"], definitions)
    if node.get("type") == "integer" and "format" not in node:
        node = {**node, **_INTEGER}
    return _ordered(node)


def _resolved(raw: Manifest, definitions: Manifest) -> Manifest:
    """Without `$ref` and without "or null"; what stands next to the reference wins."""
    if "$ref" in raw:
        beside = {key: value for key, value in raw.items() if key != "$ref"}
        return {**_resolved(definitions[raw["$ref"].rsplit("/", 1)[1]], definitions), **beside}
    choices = raw.get("anyOf")
    if choices is None or "x-kubernetes-int-or-string" in raw:
        return raw
    (only,) = (choice for choice in choices if choice.get("type") != "null")
    beside = {key: value for key, value in raw.items() if key != "anyOf"}
    return {**_resolved(only, definitions), **beside}


_ORDER = ("description", "type", "format", "enum", "required", "properties", "items", "additionalProperties")


def _ordered(node: dict[str, Any]) -> dict[str, Any]:
    known = {key: node[key] for key in _ORDER if key in node}
    return {**known, **{key: value for key, value in sorted(node.items()) if key not in known}}
