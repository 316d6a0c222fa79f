"""Types, required fields and limits of a whole object; what did not change since last time is not judged again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kelos.local.schema import causes
from kelos.local.schema.causes import Cause
from kelos.local.schema.node import Node

ABSENT: Any = object()
"""Stands for "there was no value here before"; None is a value."""


def validate(value: Any, old: Any, node: Node, at: str = "") -> Iterator[Cause]:
    """Every finding below one place."""
    if old is not ABSENT and is_same(value, old):
        return
    if value is None and node.nullable:
        return
    if node.types and not _has_type(value, node.types):
        yield causes.invalid_type(at, causes.type_name(value), ",".join(node.types))
        return
    for check in node.checks:
        if (cause := check(at, value)) is not None:
            yield cause
    if isinstance(value, dict):
        yield from _object(value, old, node, at)
    elif isinstance(value, list):
        yield from _list(value, old, node, at)
    yield from _combined(value, node, at)


def is_same(left: Any, right: Any) -> bool:
    """Equal as JSON: unlike Python, 1 is not true."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return len(left) == len(right) and all(k in right and is_same(v, right[k]) for k, v in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(is_same, left, right))
    return bool(left == right)


def old_child(old: Any, name: str) -> Any:
    """The former value of a field."""
    return old.get(name, ABSENT) if isinstance(old, dict) else ABSENT


def old_item(old: Any, item: Any, node: Node) -> Any:
    """The former value of a list's item; only lists with keys know which one that is."""
    if node.list_type != "map" or not isinstance(old, list) or not isinstance(item, dict):
        return ABSENT
    key = _key(item, node)
    return next((former for former in old if isinstance(former, dict) and is_same(_key(former, node), key)), ABSENT)


def _has_type(value: Any, types: tuple[str, ...]) -> bool:
    name = causes.type_name(value)
    return name in types or (name == "integer" and "number" in types)


def _object(value: dict[str, Any], old: Any, node: Node, at: str) -> Iterator[Cause]:
    prefix = f"{at}." if at else ""
    for name in node.required:
        if name not in value:
            yield causes.required(prefix + name)
    if node.is_embedded:
        for name in ("apiVersion", "kind"):
            if not value.get(name):
                yield causes.required(prefix + name)
    for name, child in value.items():
        place = node.child(name)
        if place is not None:
            yield from validate(child, old_child(old, name), place, prefix + name)


def _list(value: list[Any], old: Any, node: Node, at: str) -> Iterator[Cause]:
    if node.items is not None:
        for index, item in enumerate(value):
            yield from validate(item, old_item(old, item, node), node.items, f"{at}[{index}]")
    if node.list_type in ("set", "map"):
        yield from _duplicates(value, node, at)


def _duplicates(value: list[Any], node: Node, at: str) -> Iterator[Cause]:
    """One finding per repeated value, as the API server has it."""
    seen: set[str] = set()
    told: set[str] = set()
    for index, item in enumerate(value):
        key = _key(item, node) if node.list_type == "map" and isinstance(item, dict) else item
        text = causes.quoted(key)
        if text in seen and text not in told:
            told.add(text)
            yield causes.duplicate(f"{at}[{index}]", key)
        seen.add(text)


def _key(item: dict[str, Any], node: Node) -> dict[str, Any]:
    return {name: item[name] for name in node.list_keys if name in item}


def _combined(value: Any, node: Node, at: str) -> Iterator[Cause]:
    """allOf, anyOf, oneOf and not. The server says these without a field."""
    for part in node.all_of:
        yield from validate(value, ABSENT, part, at)
    if node.any_of and not any(_fits(value, choice) for choice in node.any_of):
        yield _unplaced(f'"{at}" must validate at least one schema (anyOf)')
    if node.one_of:
        count = sum(_fits(value, choice) for choice in node.one_of)
        if count != 1:
            found = f"Found {count} valid alternatives" if count else "Found none valid"
            yield _unplaced(f'"{at}" must validate one and only one schema (oneOf). {found}')
    if any(_fits(value, choice) for choice in node.none_of):
        yield _unplaced(f'"{at}" must not validate the schema (not)')


def _fits(value: Any, choice: Node) -> bool:
    return next(validate(value, ABSENT, choice), None) is None


def _unplaced(text: str) -> Cause:
    return Cause(field="<nil>", message=f'Invalid value: "": {text}')
