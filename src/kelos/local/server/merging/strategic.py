"""Strategic merge patch: a merge patch that matches the items of keyed lists and knows directives."""

from __future__ import annotations

from typing import Any

from kelos.local.server.merging.json_patch import PatchError
from kelos.local.server.merging.shape import ListType, Shape

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


def apply_strategic_patch(document: Any, patch: Any, shape: Shape) -> Any:
    """The patched document; the arguments stay as they are."""
    if not isinstance(patch, dict):
        raise PatchError("a strategic merge patch is an object", malformed=True)
    return _merge_map(document if isinstance(document, dict) else {}, patch, shape)


def _merge_map(document: dict[str, Any], patch: dict[str, Any], shape: Shape) -> dict[str, Any] | None:
    match patch.get(_DIRECTIVE):
        case "replace":
            return {key: value for key, value in patch.items() if key != _DIRECTIVE}
        case "delete":
            return None
        case None | "merge":
            pass
        case other:
            raise PatchError(f"unknown {_DIRECTIVE} directive '{other}'", malformed=True)
    merged = dict(document)
    if _RETAIN in patch:
        merged = {key: value for key, value in merged.items() if key in patch[_RETAIN]}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        merged_value = None if value is None else _merge_value(merged.get(key), value, shape.child(key))
        if merged_value is None:
            merged.pop(key, None)
        else:
            merged[key] = merged_value
    _obey_list_directives(merged, patch, shape)
    return merged


def _merge_value(document: Any, value: Any, shape: Shape) -> Any:
    if isinstance(value, dict):
        return _merge_map(document if isinstance(document, dict) else {}, value, shape)
    if isinstance(value, list):
        return _merge_list(document if isinstance(document, list) else [], value, shape)
    return value


def _merge_list(document: list[Any], patch: list[Any], shape: Shape) -> list[Any]:
    if {_DIRECTIVE: "replace"} in patch:
        return [item for item in patch if item != {_DIRECTIVE: "replace"}]
    if shape.list_type is ListType.SET:
        return document + [item for item in patch if item not in document]
    key = shape.patch_key
    if not key:
        return [_without_directives(item, shape.item) for item in patch]
    merged = list(document)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise PatchError(f"an item of the patch has no '{key}', by which the items of this list are matched")
        place = next((at for at, old in enumerate(merged) if isinstance(old, dict) and old.get(key) == item[key]), None)
        if item.get(_DIRECTIVE) == "delete":
            merged = [old for old in merged if not isinstance(old, dict) or old.get(key) != item[key]]
        elif place is None:
            merged.append(_merge_map({}, item, shape.item))
        else:
            merged[place] = _merge_map(merged[place], item, shape.item)
    return merged


def _without_directives(item: Any, shape: Shape) -> Any:
    return _merge_map({}, item, shape) if isinstance(item, dict) else item


def _obey_list_directives(merged: dict[str, Any], patch: dict[str, Any], shape: Shape) -> None:
    for name, values in patch.items():
        if name.startswith(_DELETE) and isinstance(merged.get(name.removeprefix(_DELETE)), list):
            field = name.removeprefix(_DELETE)
            merged[field] = [item for item in merged[field] if item not in values]
    for name, order in patch.items():
        if name.startswith(_ORDER) and isinstance(merged.get(name.removeprefix(_ORDER)), list):
            field = name.removeprefix(_ORDER)
            merged[field] = _ordered(merged[field], order, shape.child(field).patch_key)


def _ordered(items: list[Any], order: list[Any], key: str) -> list[Any]:
    """Items in the wished order; an item that the order does not name keeps its place after its predecessor."""

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    wished = [identity(item) for item in order]
    ranked: list[tuple[float, Any]] = []
    rank = -1.0
    for item in items:
        rank = float(wished.index(identity(item))) if identity(item) in wished else rank
        ranked.append((rank, item))
    return [item for _, item in sorted(ranked, key=lambda pair: pair[0])]
