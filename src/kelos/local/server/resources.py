"""What the server knows about one served resource: its names, its rules, how it merges and how it prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from kelos.api.kinds import Kind, Manifest
from kelos.local.server.merging.shape import OBJECT, Shape
from kelos.local.server.refusals import Cause
from kelos.local.server.selectors import FieldReader

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Judged(Protocol):
    """An object after admission: completed, with all that is wrong with it."""

    @property
    def manifest(self) -> Manifest: ...
    @property
    def causes(self) -> Sequence[CauseLike]: ...
    @property
    def unknown_fields(self) -> Sequence[str]: ...


class CauseLike(Protocol):
    @property
    def field(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def reason(self) -> str: ...


class Rules(Protocol):
    """What a kind demands of its objects; `admit` may change `new`, which is the caller's own copy."""

    def admit(self, new: Manifest, old: Manifest | None) -> Judged: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The plainest `Judged`."""

    manifest: Manifest
    causes: Sequence[Cause] = ()
    unknown_fields: Sequence[str] = ()


class OpenRules:
    """Everything is welcome."""

    def admit(self, new: Manifest, old: Manifest | None) -> Admission:
        return Admission(manifest=new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a printed table; `read` sees the object and the time now."""

    name: str
    read: Callable[[Manifest, datetime], object]
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


def keep(manifest: Manifest, api_version: str) -> Manifest:
    """The conversion between versions that share a schema."""
    return manifest if manifest.get("apiVersion") == api_version else {**manifest, "apiVersion": api_version}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One version of one kind as it is served. Equal `storage` means the same objects."""

    kind: Kind
    singular: str
    list_kind: str
    storage: str
    stored_as: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    custom: bool = False
    has_status: bool = False
    has_generation: bool = False
    returns_deleted: bool = False
    unconditional_update: bool = True
    default_propagation: str = "Background"
    subresources: tuple[str, ...] = ()
    rules: Rules = field(default_factory=OpenRules)
    shape: Shape = OBJECT
    fields: Mapping[str, FieldReader] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    schema: Manifest | None = None
    grace: Callable[[Manifest, int | None], int] | None = None
    ending: Callable[[Manifest], Manifest] | None = None
    served_as: Callable[[Manifest, str], Manifest] = keep

    def to_storage(self, manifest: Manifest) -> Manifest:
        return self.served_as(manifest, self.stored_as)

    def from_storage(self, manifest: Manifest) -> Manifest:
        return self.served_as(manifest, self.kind.api_version)
