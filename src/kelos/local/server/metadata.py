"""The rules of `metadata` that are the same for every kind: names, stamps, what nobody may change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from kelos.api.kinds import Kind, Manifest
from kelos.local.server.refusals import Cause

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_SHORT_NAMES = frozenset({"namespaces", "services"})
_PATH_NAMES = frozenset({"roles", "rolebindings", "clusterroles", "clusterrolebindings"})
_ANNOTATIONS_LIMIT_BYTES = 256 * 1024
GENERATED_NAME_LIMIT = 63


def timestamp(moment: datetime) -> str:
    """The moment as Kubernetes writes it: UTC, whole seconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_metadata(kind: Kind, metadata: Manifest) -> Iterator[Cause]:
    """What is wrong with the metadata of an object that is about to be stored."""
    yield from _check_name(kind, metadata.get("name", ""))
    yield from _check_labels(metadata.get("labels"), "metadata.labels")
    yield from _check_annotations(metadata.get("annotations"))
    for at, finalizer in enumerate(metadata.get("finalizers") or ()):
        if not isinstance(finalizer, str) or not is_qualified_name(finalizer):
            yield Cause(
                field=f"metadata.finalizers[{at}]", message=f"Invalid value: {finalizer!r}: must be a qualified name"
            )
    yield from _check_owners(metadata.get("ownerReferences") or ())


def check_unchanged(new: Manifest, old: Manifest) -> Iterator[Cause]:
    """What an update may not do to metadata; uid and version are preconditions and checked before."""
    if not old.get("deletionTimestamp"):
        return
    added = sorted(set(new.get("finalizers") or ()) - set(old.get("finalizers") or ()))
    if added:
        text = f"Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {added}"
        yield Cause(field="metadata.finalizers", message=text, reason="FieldValueForbidden")


def is_qualified_name(text: str) -> bool:
    """Whether the text is a label key: an optional DNS prefix and a name of at most 63 characters."""
    prefix, slash, name = text.rpartition("/")
    if slash and not (prefix and len(prefix) <= 253 and _SUBDOMAIN.fullmatch(prefix)):
        return False
    return len(name) <= 63 and bool(_QUALIFIED_NAME.fullmatch(name))


def is_dns_label(text: str) -> bool:
    return len(text) <= 63 and bool(_LABEL.fullmatch(text))


def is_label_value(text: str) -> bool:
    return len(text) <= 63 and bool(_LABEL_VALUE.fullmatch(text))


def _check_name(kind: Kind, name: object) -> Iterator[Cause]:
    if not isinstance(name, str) or not name:
        text = "Required value: name or generateName is required"
        yield Cause(field="metadata.name", message=text, reason="FieldValueRequired")
        return
    if kind.plural in _PATH_NAMES:
        if name in (".", "..") or "/" in name or "%" in name:
            yield Cause(field="metadata.name", message=f'Invalid value: "{name}": may not be a path')
        return
    short = kind.group == "" and kind.plural in _SHORT_NAMES
    limit, pattern = (63, _LABEL) if short else (253, _SUBDOMAIN)
    if len(name) > limit:
        yield Cause(field="metadata.name", message=f'Invalid value: "{name}": must be no more than {limit} characters')
    if not pattern.fullmatch(name):
        words = "lower case letters, digits and '-'" if short else "lower case letters, digits, '-' and '.'"
        text = f'Invalid value: "{name}": must consist of {words}, and start and end with a letter or digit'
        yield Cause(field="metadata.name", message=text)


def _check_labels(labels: object, field: str) -> Iterator[Cause]:
    if not labels:
        return
    if not isinstance(labels, Mapping):
        yield Cause(field=field, message="Invalid value: must be a map of texts", reason="FieldValueTypeInvalid")
        return
    for key, value in labels.items():
        if not is_qualified_name(key):
            yield Cause(field=field, message=f'Invalid value: "{key}": must be a qualified name')
        if not isinstance(value, str) or not is_label_value(value):
            text = f"Invalid value: {value!r}: must be at most 63 letters, digits, '-', '_' or '.'"
            yield Cause(field=field, message=text)


def _check_annotations(annotations: object) -> Iterator[Cause]:
    if not isinstance(annotations, Mapping):
        return
    size = 0
    for key, value in annotations.items():
        if not is_qualified_name(key.lower()):
            yield Cause(field="metadata.annotations", message=f'Invalid value: "{key}": must be a qualified name')
        size += len(key.encode()) + len(str(value).encode("utf-8", "replace"))
    if size > _ANNOTATIONS_LIMIT_BYTES:
        text = f"Too long: may not be more than {_ANNOTATIONS_LIMIT_BYTES} bytes"
        yield Cause(field="metadata.annotations", message=text, reason="FieldValueTooLong")


def _check_owners(owners: Iterable[Any]) -> Iterator[Cause]:
    controllers = 0
    for at, owner in enumerate(owners):
        owner = owner if isinstance(owner, dict) else {}
        for key in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(key):
                text = "Required value: must not be empty"
                yield Cause(field=f"metadata.ownerReferences[{at}].{key}", message=text, reason="FieldValueRequired")
        controllers += owner.get("controller") is True
    if controllers > 1:
        text = "Invalid value: only one reference can have controller set to true"
        yield Cause(field="metadata.ownerReferences", message=text)
