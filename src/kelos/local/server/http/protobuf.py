"""The protobuf of the few kinds that `kubectl create KIND NAME` makes from words: it sends nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kelos.local.server.refusals import bad_request, unsupported_media_type

PROTOBUF = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}

Value = bytes | int
Reader = Callable[[Value], Any]
Fields = Mapping[int, tuple[str, "Reader | _Many"]]


class _Many:
    """A list or a map: one field that comes again and again."""

    def __init__(self, read: Reader, *, is_map: bool = False) -> None:
        self.read = read
        self.is_map = is_map


def decode_protobuf(raw: bytes, accepted: list[str]) -> Any:
    """The object as JSON would have it. Raises unsupported-media-type for every kind that is not known here."""
    try:
        envelope = _message(_ENVELOPE)(raw[len(_MAGIC) :]) if raw.startswith(_MAGIC) else {}
        told = envelope.get("typeMeta", {})
        fields = _KINDS.get((told.get("apiVersion", ""), told.get("kind", "")))
        if fields is None:
            raise unsupported_media_type(PROTOBUF, accepted)
        return {**told, **_message(fields)(envelope.get("raw", b""))}
    except (ValueError, IndexError, TypeError) as error:
        raise bad_request(f"the body is not protobuf of Kubernetes: {error}") from None


def _message(fields: Fields) -> Reader:
    def read(raw: Value) -> Any:
        found: dict[str, Any] = {}
        for number, value in _values(_raw(raw)):
            name, reader = fields.get(number, ("", _raw))
            if not name:
                continue
            if not isinstance(reader, _Many):
                found[name] = reader(value)
            elif reader.is_map:
                entry = reader.read(value)
                found.setdefault(name, {})[entry.get("key", "")] = entry.get("value", "")
            else:
                found.setdefault(name, []).append(reader.read(value))
        # What protobuf writes though nobody set it: empty texts and empty messages.
        return {name: value for name, value in found.items() if value not in ("", {})}

    return read


def _values(raw: bytes) -> Iterator[tuple[int, Value]]:
    """Number and value of each field, in the order on the wire."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            whole, at = _varint(raw, at)
            yield number, whole
            continue
        if wire == _BYTES:
            size, at = _varint(raw, at)
        elif wire in _WIDTHS:
            size = _WIDTHS[wire]
        else:
            raise ValueError(f"wire type {wire} is not known")
        if at + size > len(raw):
            raise ValueError("it ends too early")
        yield number, raw[at : at + size]
        at += size


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number is too long")


def _raw(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a field has another type")
    return value


def _text(value: Value) -> str:
    return _raw(value).decode()


def _flag(value: Value) -> bool:
    return bool(value)


def _base64(value: Value) -> str:
    return base64.b64encode(_raw(value)).decode()


def _map(value: Reader) -> _Many:
    return _Many(_message({1: ("key", _text), 2: ("value", value)}), is_map=True)


_ENVELOPE: Fields = {
    1: ("typeMeta", _message({1: ("apiVersion", _text), 2: ("kind", _text)})),
    2: ("raw", _raw),
}
_META: Fields = {
    1: ("name", _text),
    2: ("generateName", _text),
    3: ("namespace", _text),
    11: ("labels", _map(_text)),
    12: ("annotations", _map(_text)),
    14: ("finalizers", _Many(_text)),
}
_NAMED = _Many(_message({1: ("name", _text)}))
_KINDS: Mapping[tuple[str, str], Fields] = {
    ("v1", "Namespace"): {1: ("metadata", _message(_META))},
    ("v1", "ConfigMap"): {
        1: ("metadata", _message(_META)),
        2: ("data", _map(_text)),
        3: ("binaryData", _map(_base64)),
        4: ("immutable", _flag),
    },
    ("v1", "Secret"): {
        1: ("metadata", _message(_META)),
        2: ("data", _map(_base64)),
        3: ("type", _text),
        4: ("stringData", _map(_text)),
        5: ("immutable", _flag),
    },
    ("v1", "ServiceAccount"): {
        1: ("metadata", _message(_META)),
        3: ("imagePullSecrets", _NAMED),
        4: ("automountServiceAccountToken", _flag),
    },
}
