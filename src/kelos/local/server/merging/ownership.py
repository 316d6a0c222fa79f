"""Who set which field: `metadata.managedFields` after an update, and server-side apply."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.server.merging.field_set import (
    FieldSet,
    Path,
    children,
    decode_fields,
    difference,
    encode_fields,
    fields_of,
    without,
)
from kelos.local.server.merging.shape import ListType, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """One entry of managedFields. An applier is one manager in all versions, an updater one per version."""

    name: str
    operation: str
    api_version: str = ""
    subresource: str = ""

    @property
    def is_applier(self) -> bool:
        return self.operation == "Apply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """What one manager owns, in which version's terms, since when."""

    fields: FieldSet
    api_version: str
    time: str


Owners = Mapping[Manager, Owned]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A field that the applier wants to change and that another manager owns."""

    manager: Manager
    owned: Owned
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The outcome of an apply; with disputes it may be used only when forced."""

    manifest: Manifest
    owners: Owners
    disputes: Sequence[Dispute]


def applier(name: str, subresource: str) -> Manager:
    return Manager(name=name, operation="Apply", subresource=subresource)


def updater(name: str, api_version: str, subresource: str) -> Manager:
    return Manager(name=name, operation="Update", api_version=api_version, subresource=subresource)


def read_owners(manifest: Manifest) -> Owners:
    """The owners that an object's managedFields name."""
    owners: dict[Manager, Owned] = {}
    for entry in manifest["metadata"].get("managedFields") or ():
        if not entry.get("manager") and not entry.get("fieldsV1"):
            continue
        api_version = entry.get("apiVersion", "")
        manager = Manager(
            name=entry.get("manager", ""),
            operation=entry.get("operation", "Update"),
            api_version="" if entry.get("operation") == "Apply" else api_version,
            subresource=entry.get("subresource", ""),
        )
        fields = decode_fields(entry.get("fieldsV1") or {})
        owners[manager] = Owned(fields=fields, api_version=api_version, time=entry.get("time", ""))
    return owners


def write_owners(owners: Owners) -> list[Manifest]:
    """The managedFields of these owners: appliers first, then by time."""

    def rank(item: tuple[Manager, Owned]) -> tuple[bool, str, str]:
        manager, owned = item
        return (not manager.is_applier, owned.time, manager.name)

    return [
        {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": owned.api_version,
            **({"time": owned.time} if owned.time else {}),
            "fieldsType": "FieldsV1",
            "fieldsV1": encode_fields(owned.fields),
            **({"subresource": manager.subresource} if manager.subresource else {}),
        }
        for manager, owned in sorted(owners.items(), key=rank)
    ]


def after_update(old: Manifest, new: Manifest, shape: Shape, owners: Owners, manager: Manager, now: str) -> Owners:
    """The owners after `manager` wrote `new` over `old`: it owns what it changed, nobody owns what is gone."""
    change = difference(old, new, shape)
    if not change.changed and not change.removed:
        return owners
    kept = {other: _less(owned, change.changed, change.removed) for other, owned in owners.items()}
    mine = kept.pop(manager, None)
    fields = (mine.fields if mine else frozenset()) | change.changed
    kept[manager] = Owned(fields=fields, api_version=manager.api_version, time=now)
    return {other: owned for other, owned in kept.items() if owned.fields}


def apply_config(live: Manifest, config: Manifest, shape: Shape, owners: Owners, manager: Manager, now: str) -> Applied:
    """Merge a configuration into the live object as its manager's whole wish; what it no longer wishes goes."""
    wished = fields_of(config, shape)
    merged = _merged(live, config, shape)
    others = {other: owned for other, owned in owners.items() if other != manager}
    before = owners[manager].fields if manager in owners else frozenset()
    held = wished.union(*(owned.fields for owned in others.values()))
    abandoned = frozenset(path for path in before - wished if not _is_held(path, held))
    contested = difference(live, merged, shape).changed
    merged = _pruned(merged, shape, (), abandoned, held)
    change = difference(live, merged, shape)
    disputes = [
        Dispute(manager=other, owned=owned, path=path)
        for other, owned in others.items()
        for path in sorted(owned.fields & contested)
    ]
    remaining = {other: _less(owned, change.changed, change.removed) for other, owned in others.items()}
    kept = {other: owned for other, owned in remaining.items() if owned.fields}
    version = config["apiVersion"]
    mine = owners.get(manager)
    same = mine is not None and mine.fields == wished and mine.api_version == version
    time = mine.time if mine is not None and same else now
    result = {**kept, manager: Owned(fields=wished, api_version=version, time=time)} if wished else kept
    return Applied(manifest=merged, owners=result, disputes=disputes)


def _less(owned: Owned, changed: FieldSet, removed: FieldSet) -> Owned:
    return Owned(fields=without(owned.fields - changed, removed), api_version=owned.api_version, time=owned.time)


def _is_held(path: Path, held: FieldSet) -> bool:
    """Whether somebody still wishes the place or something below it."""
    return any(other[: len(path)] == path for other in held)


def _merged(live: Any, config: Any, shape: Shape) -> Any:
    if isinstance(config, dict) and isinstance(live, dict) and not shape.atomic:
        return {**live, **{key: _merged(live.get(key), value, shape.child(key)) for key, value in config.items()}}
    if isinstance(config, list) and isinstance(live, list) and shape.list_type is not ListType.ATOMIC:
        mine, theirs = children(config, shape), children(live, shape)
        if mine is None or theirs is None:
            return config
        kept = {
            step: _merged(item, mine[step][0], shape.item) if step in mine else item
            for step, (item, _) in theirs.items()
        }
        return [*kept.values(), *(item for step, (item, _) in mine.items() if step not in theirs)]
    return config


def _pruned(value: Any, shape: Shape, path: Path, abandoned: FieldSet, held: FieldSet) -> Any:
    """The value without the abandoned places; a map or list that only they filled goes with them."""
    parts = children(value, shape)
    if parts is None or not any(gone[: len(path)] == path for gone in abandoned):
        return value
    kept: dict[str, Any] = {}
    for step, (child, child_shape) in parts.items():
        if (*path, step) in abandoned and not _identifies(step, path):
            continue
        pruned = _pruned(child, child_shape, (*path, step), abandoned, held)
        if child in ({}, []) or pruned not in ({}, []) or (*path, step) in held:
            kept[step] = pruned
    if isinstance(value, list):
        return list(kept.values())
    return {step.removeprefix("f:"): child for step, child in kept.items()}


def _identifies(step: str, path: Path) -> bool:
    """Whether the step is one of the keys that tell an item from its neighbours."""
    return bool(path) and path[-1].startswith("k:") and step.removeprefix("f:") in json.loads(path[-1][2:])
