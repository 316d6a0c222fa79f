"""What cel-python lacks: equality and order across types, optional old values, Kubernetes' list and text functions."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import celpy
import re2
from celpy import celtypes

_NUMBERS = (celtypes.IntType, celtypes.UintType, celtypes.DoubleType)
Function = Callable[..., Any]


class UnorderedList(celtypes.ListType):  # type: ignore[misc]
    """A list whose schema calls it a set or a map by keys: equal in any order."""


@dataclass(frozen=True, slots=True)
class OptionalValue:
    """`optional_type` of CEL."""

    content: Any
    is_present: bool


def is_equal(left: Any, right: Any) -> bool:
    """CEL's equality: numbers by value, anything else only within one type, never an error."""
    if isinstance(left, celtypes.BoolType) or isinstance(right, celtypes.BoolType):
        return isinstance(left, celtypes.BoolType) and isinstance(right, celtypes.BoolType) and int(left) == int(right)
    if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
        return bool(_number(left) == _number(right))
    if isinstance(left, celtypes.MapType) and isinstance(right, celtypes.MapType):
        return len(left) == len(right) and all(key in right and is_equal(left[key], right[key]) for key in left)
    if isinstance(left, celtypes.ListType) and isinstance(right, celtypes.ListType):
        return len(left) == len(right) and _has_equal_items(left, right)
    return type(left) is type(right) and bool(left == right)


def _has_equal_items(left: celtypes.ListType, right: celtypes.ListType) -> bool:
    if isinstance(left, UnorderedList):
        return all(any(is_equal(item, other) for other in right) for item in left)
    return all(map(is_equal, left, right))


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, celtypes.DoubleType) else int(value)


def _truth(function: Callable[[Any, Any], bool]) -> Function:
    """An operator that hands errors on, so that `||` and `&&` may pass over them."""

    def operate(left: Any, right: Any) -> Any:
        for operand in (left, right):
            if isinstance(operand, celpy.CELEvalError):
                return operand
        return celtypes.BoolType(function(left, right))

    return operate


def _ordered(compare: Callable[[Any, Any], bool]) -> Function:
    def holds(left: Any, right: Any) -> bool:
        if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
            return compare(_number(left), _number(right))
        if type(left) is not type(right):
            raise TypeError("no such overload")
        return bool(compare(left, right))

    return _truth(holds)


def _is_in(item: Any, container: Any) -> bool:
    if not isinstance(container, celtypes.ListType | celtypes.MapType):
        raise TypeError("no such overload")
    return any(is_equal(item, other) for other in container)


def _text(function: Callable[..., Any]) -> Function:
    """A function on strings that answers with a string, a number or a list of strings."""

    def call(*values: Any) -> Any:
        if not isinstance(values[0], celtypes.StringType):
            raise TypeError("no such overload")
        plain = (str(v) if isinstance(v, celtypes.StringType) else int(v) for v in values)
        return _wrap(function(*plain))

    return call


def _wrap(value: Any) -> Any:
    match value:
        case bool():
            return celtypes.BoolType(value)
        case int():
            return celtypes.IntType(value)
        case str():
            return celtypes.StringType(value)
        case _:
            return celtypes.ListType([celtypes.StringType(item) for item in value])


def _items(values: Any) -> celtypes.ListType:
    if not isinstance(values, celtypes.ListType):
        raise TypeError("no such overload")
    return values


def _index_of(values: Any, wanted: Any) -> Any:
    if isinstance(values, celtypes.StringType):
        return celtypes.IntType(str(values).find(str(wanted)))
    return celtypes.IntType(next((i for i, item in enumerate(_items(values)) if is_equal(item, wanted)), -1))


def _last_index_of(values: Any, wanted: Any) -> Any:
    if isinstance(values, celtypes.StringType):
        return celtypes.IntType(str(values).rfind(str(wanted)))
    found = [index for index, item in enumerate(_items(values)) if is_equal(item, wanted)]
    return celtypes.IntType(found[-1] if found else -1)


def _is_sorted(values: Any) -> Any:
    items = list(_items(values))
    return celtypes.BoolType(all(not later < earlier for earlier, later in itertools.pairwise(items)))


def _matches(text: Any, pattern: Any) -> Any:
    if not isinstance(text, str) or not isinstance(pattern, str):
        raise TypeError("no such overload")
    options = re2.Options()
    options.log_errors = False
    try:
        found = re2.compile(str(pattern), options).search(str(text))
    except re2.error:
        return celpy.CELEvalError("error parsing regexp")
    return celtypes.BoolType(found is not None)


def _find(text: str, pattern: str) -> str:
    match = re2.search(pattern, text)
    return match.group(0) if match else ""


def _find_all(text: str, pattern: str) -> list[str]:
    return [match.group(0) for match in re2.finditer(pattern, text)]


def _ascii(change: Callable[[str], str]) -> Function:
    return _text(lambda text: "".join(change(letter) if letter.isascii() else letter for letter in text))


def _join(values: Any, separator: Any = "") -> Any:
    return celtypes.StringType(str(separator).join(str(item) for item in _items(values)))


FUNCTIONS: dict[str, Function] = {
    "_==_": _truth(is_equal),
    "_!=_": _truth(lambda left, right: not is_equal(left, right)),
    "_<_": _ordered(operator.lt),
    "_<=_": _ordered(operator.le),
    "_>_": _ordered(operator.gt),
    "_>=_": _ordered(operator.ge),
    "_in_": _truth(_is_in),
    "hasValue": lambda value: celtypes.BoolType(value.is_present),
    "value": lambda value: value.content if value.is_present else celpy.CELEvalError("optional.none() dereference"),
    "orValue": lambda value, other: value.content if value.is_present else other,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "isSorted": _is_sorted,
    "min": lambda values: min(_items(values)),
    "max": lambda values: max(_items(values)),
    "sum": lambda values: sum(_items(values), celtypes.IntType(0)),
    "matches": _matches,
    "find": _text(_find),
    "findAll": _text(_find_all),
    "lowerAscii": _ascii(str.lower),
    "upperAscii": _ascii(str.upper),
    "trim": _text(str.strip),
    "replace": _text(str.replace),
    "split": _text(str.split),
    "join": _join,
    "substring": _text(lambda text, start, end=None: text[start:end]),
    "charAt": _text(lambda text, index: text[index : index + 1]),
}
