"""What a CustomResourceDefinition serves: one resource per version, with its columns and selectable fields."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from kelos.api.kinds import Kind, Manifest
from kelos.local.server.ages import age
from kelos.local.server.custom.json_path import find_all
from kelos.local.server.merging.shape import custom_shape
from kelos.local.server.resources import Column, Resource, Rules
from kelos.local.server.selectors import FieldReader

_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def resources_of(definition: Manifest, compile_schema: Callable[[Manifest], Rules]) -> list[Resource]:
    """One resource per served version."""
    spec = definition["spec"]
    return [_resource(spec, version, compile_schema) for version in spec["versions"] if version["served"]]


def _resource(spec: Manifest, version: Manifest, compile_schema: Callable[[Manifest], Rules]) -> Resource:
    names, group = spec["names"], spec["group"]
    kind = Kind(
        group=group,
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        namespaced=spec["scope"] == "Namespaced",
    )
    schema = version["schema"]["openAPIV3Schema"]
    has_status = "status" in (version.get("subresources") or {})
    columns = version.get("additionalPrinterColumns") or [_AGE]
    stored = next(each["name"] for each in spec["versions"] if each["storage"])
    selectable = [field["jsonPath"] for field in version.get("selectableFields") or ()]
    return Resource(
        kind=kind,
        singular=names["singular"],
        list_kind=names["listKind"],
        storage=f"{names['plural']}.{group}",
        stored_as=f"{group}/{stored}",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        custom=True,
        has_status=has_status,
        has_generation=True,
        unconditional_update=False,
        subresources=("status",) if has_status else (),
        rules=compile_schema(schema),
        shape=custom_shape(schema),
        fields={path.removeprefix("."): _field(path) for path in selectable},
        columns=tuple(_column(column) for column in columns),
        schema=schema,
    )


def _field(path: str) -> FieldReader:
    def read(manifest: Manifest) -> str:
        found = find_all(manifest, path)
        return _text(found[0]) if found else ""

    return read


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _column(given: Manifest) -> Column:
    kind, path = given["type"], given["jsonPath"]

    def read(manifest: Manifest, now: datetime) -> object:
        return _cell(find_all(manifest, path), kind, now)

    return Column(
        name=given["name"],
        read=read,
        type=kind,
        format=given.get("format", ""),
        description=given.get("description") or f"Custom resource definition column (JSONPath): {path}",
        priority=given.get("priority", 0),
    )


def _cell(found: list[Any], kind: str, now: datetime) -> object:
    """What a table shows: numbers as numbers, ages for dates, nothing where nothing is."""
    if not found or found[0] is None:
        return None
    value = found[0]
    match kind:
        case "date":
            return age(value, now)
        case "integer":
            return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        case "number":
            return value if isinstance(value, int | float) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case _:
            return " ".join(_text(each) if not isinstance(each, dict | list) else json.dumps(each) for each in found)
