"""Get and list: selectors, pages of one consistent state, versions that are known."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from kelos.api.kinds import Manifest
from kelos.local.server.refusals import bad_request, expired, not_found, too_large_version
from kelos.local.server.resources import Resource
from kelos.local.server.selectors import FieldReader, Requirement, accepts_labels, parse_fields, parse_labels
from kelos.local.server.verbs.options import ListOptions
from kelos.local.store import Entry, HistoryExpiredError, Key, Store

_META_FIELDS: dict[str, FieldReader] = {
    "metadata.name": lambda manifest: str(manifest["metadata"].get("name", "")),
    "metadata.namespace": lambda manifest: str(manifest["metadata"].get("namespace", "")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Part of a list: states as stored. `remaining` is None when nobody counted."""

    entries: tuple[Entry, ...]
    version: int
    more: str = ""
    remaining: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Labels and fields as one question."""

    labels: tuple[Requirement, ...]
    fields: tuple[tuple[FieldReader, Requirement], ...]

    @property
    def is_all(self) -> bool:
        return not self.labels and not self.fields

    def accepts(self, manifest: Manifest) -> bool:
        return accepts_labels(self.labels, manifest) and all(
            requirement.accepts(read(manifest)) for read, requirement in self.fields
        )


def select(resource: Resource, labels: str, fields: str) -> Selection:
    """The question that two selector texts ask about objects of a kind."""
    readers = {**_META_FIELDS, **resource.fields}
    requirements = parse_fields(fields, readers.keys())
    return Selection(
        labels=parse_labels(labels),
        fields=tuple((readers[requirement.key], requirement) for requirement in requirements),
    )


def key_for(resource: Resource, namespace: str | None, name: str) -> Key:
    return Key(resource=resource.storage, namespace=(namespace or "") if resource.kind.namespaced else "", name=name)


def find(store: Store, resource: Resource, namespace: str | None, name: str) -> Entry:
    """The object as stored. Raises not-found."""
    entry = store.get(key_for(resource, namespace, name))
    if entry is None:
        raise not_found(resource.kind, name)
    return entry


def list_entries(store: Store, resource: Resource, namespace: str | None, options: ListOptions) -> Listed:
    """One page; further pages show the same state as the first."""
    selection = select(resource, options.labels, options.fields)
    after, at = _start(store, options)
    try:
        entries = store.entries(resource.storage, namespace if resource.kind.namespaced else None, at=at)
    except HistoryExpiredError:
        raise expired(
            "the list changed too much since its first page was read; start again without `continue`"
        ) from None
    if after is not None:
        position = after
        entries = [entry for entry in entries if (entry.key.namespace, entry.key.name) > position]
    if not selection.is_all:
        entries = [entry for entry in entries if selection.accepts(resource.from_storage(entry.manifest))]
    if not options.limit or len(entries) <= options.limit:
        return Listed(entries=tuple(entries), version=at)
    page = entries[: options.limit]
    remaining = len(entries) - options.limit if selection.is_all else None
    return Listed(entries=tuple(page), version=at, more=_token(at, page[-1].key), remaining=remaining)


def parse_version(text: str, what: str = "resourceVersion") -> int:
    """The number in a resource version; an empty one is 0."""
    if not text:
        return 0
    if not text.isascii() or not text.isdecimal():
        raise bad_request(f'Invalid value: "{text}": {what} must be a number')
    return int(text)


def _start(store: Store, options: ListOptions) -> tuple[tuple[str, str] | None, int]:
    """After which key, and at which version, a list reads."""
    if options.more:
        if options.resource_version not in ("", "0"):
            raise bad_request("resourceVersion may not be set together with continue")
        return _read_token(options.more)
    version = parse_version(options.resource_version)
    if options.version_match and not options.resource_version:
        raise bad_request("resourceVersionMatch is forbidden unless resourceVersion is provided")
    if options.version_match not in ("", "Exact", "NotOlderThan"):
        raise bad_request(f"resourceVersionMatch '{options.version_match}' is not supported: use Exact or NotOlderThan")
    if version > store.version:
        raise too_large_version(version, store.version)
    if options.version_match == "Exact":
        if not version:
            raise bad_request('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"')
        return None, version
    return None, store.version


def _token(version: int, key: Key) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": [key.namespace, key.name]}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[tuple[str, str], int]:
    try:
        document = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = document["start"]
        return (str(namespace), str(name)), int(document["rv"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise bad_request("continue key is not valid: pass the value of a list's metadata.continue") from None
