"""Objects in the form a client asked for: whole, as a table, or metadata only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from kelos.api.kinds import Manifest
from kelos.local.server.http.negotiation import Form
from kelos.local.server.resources import Column, Resource
from kelos.local.server.verbs.reading import Listed
from kelos.local.store import Entry, encode

_NAME = Column(
    name="Name",
    read=lambda manifest, now: manifest["metadata"]["name"],
    format="name",
    description="The name of the object.",
)


def columns_of(resource: Resource) -> tuple[Column, ...]:
    """The columns in order; a name column comes first where none is declared."""
    has_name = any(column.format == "name" for column in resource.columns)
    return resource.columns if has_name else (_NAME, *resource.columns)


def table(
    resource: Resource,
    manifests: Iterable[Manifest],
    metadata: Manifest,
    now: datetime,
    *,
    include: str = "Metadata",
    headed: bool = True,
) -> Manifest:
    """A meta.k8s.io/v1 Table; `include` says how much of each object its row carries."""
    columns = columns_of(resource)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in columns] if headed else [],
        "rows": [_row(columns, manifest, now, include) for manifest in manifests],
    }


def metadata_only(manifest: Manifest) -> Manifest:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": manifest["metadata"]}


def as_served(resource: Resource, entry: Entry) -> bytes:
    """The JSON of one stored object in the served version."""
    manifest = resource.from_storage(entry.manifest)
    return entry.encoded if manifest is entry.manifest else encode(manifest)


def object_body(resource: Resource, manifest: Manifest, form: Form, now: datetime, include: str) -> bytes:
    """One object in the wished form."""
    if form is Form.TABLE:
        version = {"resourceVersion": manifest["metadata"].get("resourceVersion", "")}
        return encode(table(resource, [manifest], version, now, include=include))
    return encode(metadata_only(manifest) if form is Form.METADATA else manifest)


def list_body(resource: Resource, listed: Listed, form: Form, now: datetime, include: str) -> bytes:
    """A list in the wished form; whole objects are joined as they are stored."""
    metadata: Manifest = {"resourceVersion": str(listed.version)}
    if listed.more:
        metadata["continue"] = listed.more
    if listed.remaining:
        metadata["remainingItemCount"] = listed.remaining
    if form is Form.TABLE:
        manifests = (resource.from_storage(entry.manifest) for entry in listed.entries)
        return encode(table(resource, manifests, metadata, now, include=include))
    if form is Form.METADATA:
        kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        items = [encode(metadata_only(entry.manifest)) for entry in listed.entries]
    else:
        kind, version = resource.list_kind, resource.kind.api_version
        items = [_item(resource, as_served(resource, entry)) for entry in listed.entries]
    head = json.dumps({"kind": kind, "apiVersion": version, "metadata": metadata})
    return head[:-1].encode() + b',"items":[' + b",".join(items) + b"]}"


def _item(resource: Resource, encoded: bytes) -> bytes:
    """An object inside a list: those of built-in kinds do not repeat what the list says."""
    identity = encode({"apiVersion": resource.kind.api_version, "kind": resource.kind.kind})[:-1] + b","
    return b"{" + encoded.removeprefix(identity) if not resource.custom and encoded.startswith(identity) else encoded


def _definition(column: Column) -> Manifest:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description or column.name,
        "priority": column.priority,
    }


def _row(columns: Iterable[Column], manifest: Manifest, now: datetime, include: str) -> Manifest:
    row: Manifest = {"cells": [column.read(manifest, now) for column in columns]}
    if include == "Object":
        row["object"] = manifest
    elif include != "None":
        row["object"] = metadata_only(manifest)
    return row
