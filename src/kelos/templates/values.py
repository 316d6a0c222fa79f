"""The values a template can see, and how Python's JSON-like values stand for Go's.

A Go string is bytes: a byte that is not UTF-8 is carried as a lone surrogate, the way `surrogateescape` does it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

Value: TypeAlias = object

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")
_FOREIGN_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


class _Nothing:
    """No value at all: a missing key. Different from None, a value that is there and null."""

    __slots__ = ()


NOTHING: Final = _Nothing()


class Uint8(int):
    """One byte of a string, which Go counts among the unsigned integers."""

    __slots__ = ()


class StringMap(dict[str, str]):
    """A map that holds strings only, so that `index` finds an empty string under a key that is not there."""

    __slots__ = ()


_GO_TYPES: dict[type, str] = {
    bool: "bool",
    int: "int",
    Uint8: "uint8",
    float: "float64",
    complex: "complex128",
    str: "string",
    dict: "map[string]interface {}",
    StringMap: "map[string]string",
    list: "[]interface {}",
}
_AS_THEY_ARE = frozenset({bool, float, str, dict, StringMap, list, type(None), Uint8, complex, _Nothing})


class ForeignValue(Exception):
    """The data hold something that JSON could not."""


def type_name(value: Value) -> str:
    """What Go calls the type of a value."""
    return _GO_TYPES.get(type(value), "nil")


def admit(value: Value) -> Value:
    """A value of the data as templates see it: exactly one of the known types, integers in 64 bits."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is int:
        assert isinstance(value, int)
        return value if INT_MIN <= value <= INT_MAX else _as_float(value)
    return _admit_relative(value)


def _admit_relative(value: Value) -> Value:
    """Reduce subclasses and relatives of JSON types, whose methods must not run inside a template."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return admit(int.__int__(value))
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, StringMap):
        return StringMap(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return list(value)
    raise ForeignValue(f"the data hold a {kind_of_python(value)}, but templates see JSON values only")


def kind_of_python(value: object) -> str:
    """The Python type, for an error message."""
    return type(value).__name__


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ForeignValue("the data hold an integer that is too large for a number") from None


def sorted_items(mapping: dict[str, Value]) -> list[tuple[str, Value]]:
    """The entries in the order in which Go visits them."""
    if not all(isinstance(key, str) for key in mapping):
        raise ForeignValue("the data hold a map whose keys are not all strings")
    return sorted(mapping.items(), key=_key)


def _key(item: tuple[str, Value]) -> str:
    return item[0]


def is_true(value: Value) -> bool:
    """Truth in conditions: everything but the zero value of its type."""
    return False if value is NOTHING else bool(value)


def raw(text: str) -> bytes:
    """The bytes of a Go string."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return _FOREIGN_SURROGATE.sub("\ufffd", text).encode("utf-8", "surrogateescape")


def from_raw(content: bytes) -> str:
    """The Go string of these bytes."""
    return content.decode("utf-8", "surrogateescape")


def byte_length(text: str) -> int:
    """How many bytes a string has."""
    return len(text) if text.isascii() else len(raw(text))


def joined(text: str) -> str:
    """A text put together from parts, in which neighbouring bytes may have become a character."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return from_raw(raw(text))


def printable_text(text: str) -> str:
    """Text for the world outside: bytes that are not UTF-8 become the replacement character."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return _SURROGATE.sub("\ufffd", from_raw(raw(text)))
