"""The fields of the built-in kinds and their types: what cannot be decoded is refused, what is unknown is dropped."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.server.refusals import bad_request

# A quantity may be written as a number.
_QUANTITIES = frozenset(
    {"requests", "limits", "capacity", "allocatable", "allocatedResources", "overhead", "sizeLimit", "divisor"}
)
_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "time": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_WORDS = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
_SCHEMAS: dict[str, Manifest] = {
    "string": {"type": "string"},
    "time": {"type": "string", "format": "date-time"},
    "integer": {"type": "integer", "format": "int64"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "any": {"x-kubernetes-preserve-unknown-fields": True},
}


@dataclass(slots=True)
class Decoded:
    """An object with its known fields only, and the paths of the others."""

    manifest: Manifest = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def decode(manifest: Manifest, type_name: str) -> Decoded:
    """A copy of the object as its type. Raises bad-request for the first value of a wrong type; null is absent."""
    decoded = Decoded()
    decoded.manifest = _struct(manifest, type_name, "", decoded.unknown)
    return decoded


def schema_of(type_name: str) -> Manifest:
    """An OpenAPI schema that names other types by reference."""
    return {"type": "object", "properties": {name: _schema(each) for name, each in types()[type_name].items()}}


def reachable(type_name: str) -> set[str]:
    """The type and all types its fields lead to."""
    found: set[str] = set()
    waiting = [type_name]
    while waiting:
        name = waiting.pop()
        if name in types() and name not in found:
            found.add(name)
            waiting += [each.strip("[]{}") for each in types()[name].values()]
    return found


@cache
def types() -> dict[str, dict[str, str]]:
    """The table of all types."""
    table: dict[str, dict[str, str]] = json.loads(resources.files(__package__).joinpath("fields.json").read_text())
    return table


def _struct(value: Any, type_name: str, path: str, unknown: list[str]) -> Manifest:
    if not isinstance(value, dict):
        raise _mismatch(path, value, "an object")
    fields = types()[type_name]
    kept = {}
    for name, child in value.items():
        place = f"{path}.{name}" if path else name
        if name not in fields:
            unknown.append(place)
        elif child is not None:
            kept[name] = _value(child, fields[name], place, name in _QUANTITIES, unknown)
    return kept


def _value(value: Any, kind: str, path: str, is_quantity: bool, unknown: list[str]) -> Any:
    if wanted := _PYTHON.get(kind):
        return _plain(value, wanted, path, is_quantity)
    if kind == "any":
        return copy.deepcopy(value)
    if kind.endswith("|boolean"):
        return value if isinstance(value, bool) else _value(value, kind[: -len("|boolean")], path, is_quantity, unknown)
    if kind[0] == "[":
        if not isinstance(value, list):
            raise _mismatch(path, value, "a list")
        return [_value(item, kind[1:-1], f"{path}[{at}]", False, unknown) for at, item in enumerate(value)]
    if kind[0] == "{":
        if not isinstance(value, dict):
            raise _mismatch(path, value, "an object")
        present = {key: child for key, child in value.items() if child is not None}
        return {key: _value(child, kind[1:-1], f"{path}.{key}", is_quantity, unknown) for key, child in present.items()}
    return _struct(value, kind, path, unknown)


def _plain(value: Any, wanted: tuple[type, ...], path: str, is_quantity: bool) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_quantity and is_number:
        return str(value)
    if isinstance(value, bool) is not (wanted == (bool,)) or not isinstance(value, wanted):
        raise _mismatch(path, value, _WORDS[wanted[0]])
    return value


def _mismatch(path: str, value: Any, wanted: str) -> Exception:
    return bad_request(f"the object cannot be decoded: {path} must be {wanted}, not {_WORDS.get(type(value), 'null')}")


def _schema(kind: str) -> Manifest:
    if kind in _SCHEMAS:
        return _SCHEMAS[kind]
    if kind[0] == "[":
        return {"type": "array", "items": _schema(kind[1:-1])}
    if kind[0] == "{":
        return {"type": "object", "additionalProperties": _schema(kind[1:-1])}
    return {"allOf": [{"$ref": f"#/components/schemas/{reference(kind)}"}], "default": {}}


def reference(type_name: str) -> str:
    """The name of a type in OpenAPI documents."""
    if type_name == "ObjectMeta":
        return "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
    return f"io.k8s.api.{type_name}"
