"""Sets of fields: which places of an object a manager set, and what differs between two states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.server.merging.shape import ListType, Shape

Path = tuple[str, ...]
FieldSet = frozenset[Path]

_UNTRACKED_METADATA = frozenset(
    {
        "f:name", "f:generateName", "f:namespace", "f:uid", "f:resourceVersion", "f:creationTimestamp",
        "f:generation", "f:managedFields", "f:selfLink", "f:deletionTimestamp", "f:deletionGracePeriodSeconds",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What it takes to come from one state to another."""

    changed: FieldSet = frozenset()
    removed: FieldSet = frozenset()


def is_tracked(path: Path) -> bool:
    """Whether managers can own the field; the server's own fields belong to nobody."""
    if path[0] in ("f:apiVersion", "f:kind"):
        return False
    return path[0] != "f:metadata" or (len(path) > 1 and path[1] not in _UNTRACKED_METADATA)


def fields_of(manifest: Manifest, shape: Shape) -> FieldSet:
    """All places that a configuration sets."""
    found: list[Path] = []
    _collect(manifest, shape, (), found)
    return frozenset(path for path in found if path and is_tracked(path))


def difference(old: Manifest, new: Manifest, shape: Shape) -> Difference:
    """The tracked places that were added, modified or removed."""
    changed: list[Path] = []
    removed: list[Path] = []
    _compare(old, new, shape, (), changed, removed)
    return Difference(
        changed=frozenset(path for path in changed if is_tracked(path)),
        removed=frozenset(path for path in removed if is_tracked(path)),
    )


def without(fields: FieldSet, gone: FieldSet) -> FieldSet:
    """The set without those places and all that is below them."""
    if not gone:
        return fields
    return frozenset(path for path in fields if not any(path[:end] in gone for end in range(1, len(path) + 1)))


def encode_fields(fields: FieldSet) -> Manifest:
    """The set as `fieldsV1`: a tree whose leaves and `.` marks are the members."""
    root: Manifest = {}
    for path in sorted(fields):
        node = root
        for step in path:
            node = node.setdefault(step, {})
        node["."] = {}
    return _fold(root)


def decode_fields(tree: Manifest) -> FieldSet:
    """The set that a `fieldsV1` tree describes."""
    found: list[Path] = []

    def walk(node: Manifest, path: Path) -> None:
        if path and (not node or "." in node):
            found.append(path)
        for step, child in node.items():
            if step != "." and isinstance(child, dict):
                walk(child, (*path, step))

    walk(tree, ())
    return frozenset(found)


def _fold(node: Manifest) -> Manifest:
    if node.keys() == {"."}:
        return {}
    return {step: _fold(child) if step != "." else {} for step, child in node.items()}


def children(value: Any, shape: Shape) -> dict[str, tuple[Any, Shape]] | None:
    """The parts of a value by path step, or None when it is owned as a whole."""
    if isinstance(value, dict) and not shape.atomic:
        return {f"f:{key}": (child, shape.child(key)) for key, child in value.items()}
    if isinstance(value, list) and shape.list_type is not ListType.ATOMIC:
        keys = [shape.key_of(item) for item in value]
        if None not in keys:
            return {str(key): (item, shape.item) for key, item in zip(keys, value, strict=True)}
    return None


def _collect(value: Any, shape: Shape, path: Path, found: list[Path]) -> None:
    parts = children(value, shape)
    if not parts:
        found.append(path)
        return
    if path and path[-1][:2] in ("k:", "v:"):
        found.append(path)
    for step, (child, child_shape) in parts.items():
        _collect(child, child_shape, (*path, step), found)


def _compare(old: Any, new: Any, shape: Shape, path: Path, changed: list[Path], removed: list[Path]) -> None:
    if old == new and type(old) is type(new):
        return
    before, after = children(old, shape), children(new, shape)
    if before is None or after is None:
        changed.append(path)
        if after:
            _collect(new, shape, path, changed)
        return
    for step, (child, child_shape) in after.items():
        if step in before:
            _compare(before[step][0], child, child_shape, (*path, step), changed, removed)
        else:
            _collect(child, child_shape, (*path, step), changed)
    removed.extend((*path, step) for step in before if step not in after)
    if not after and path:
        changed.append(path)
