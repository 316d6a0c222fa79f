"""CEL as the API server speaks it, by cel-python: values go in by their schema, a boolean comes out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import celpy
import re2
from celpy import celtypes

from kelos.local.schema.cel_functions import FUNCTIONS, OptionalValue, UnorderedList
from kelos.local.schema.node import Node


class CannotEvaluate(Exception):
    """The rule does not parse here, uses what we do not know, or failed on this value."""


def holds(expression: str, names: dict[str, Any]) -> bool:
    """Whether the rule holds; anything but a boolean is an error."""
    result = _evaluate(expression, names)
    if not isinstance(result, bool | celtypes.BoolType):
        raise CannotEvaluate("the result is not a boolean")
    return bool(result)


def text(expression: str, names: dict[str, Any]) -> str:
    """A message expression's text."""
    result = _evaluate(expression, names)
    if not isinstance(result, celtypes.StringType):
        raise CannotEvaluate("the result is not a string")
    return str(result)


def _evaluate(expression: str, names: dict[str, Any]) -> Any:
    program = _program(expression)
    try:
        return program.evaluate(names)
    except celpy.CELEvalError as error:
        raise CannotEvaluate(_plain(error)) from error
    except Exception as error:  # the library lets its own mistakes through; whatever it is, the object is refused
        raise CannotEvaluate(f"{type(error).__name__} in the evaluator") from error


@lru_cache(maxsize=4096)
def _program(expression: str) -> Any:
    environment = _environment()
    try:
        return environment.program(environment.compile(expression), functions=FUNCTIONS)
    except celpy.CELParseError as error:
        raise CannotEvaluate("the rule uses syntax that this server does not know") from error


@lru_cache(maxsize=1)
def _environment() -> Any:
    return celpy.Environment()


_MISSING_MEMBER = re2.compile(r"^no such member in mapping: '(.*)'$")
_UNDECLARED = re2.compile(r"^undeclared reference to '([^']*)'")


def _plain(error: celpy.CELEvalError) -> str:
    """The server's wording where there is one; never the library's dump of all values."""
    said = str(error.args[0]) if error.args else "evaluation error"
    if match := _MISSING_MEMBER.search(said):
        return f"no such key: {match.group(1)}"
    if match := _UNDECLARED.search(said):
        return f"undeclared reference to '{match.group(1)}'"
    return said if len(said) <= 60 else "no such overload"


def optional(value: Any, is_present: bool) -> OptionalValue:
    """`oldSelf` of a rule with optionalOldSelf."""
    return OptionalValue(value if is_present else None, is_present)


def convert(value: Any, node: Node | None) -> Any:
    """A JSON value as the CEL type that its schema gives it; without a schema, as JSON reads."""
    match value:
        case None:
            return None
        case bool():
            return celtypes.BoolType(value)
        case int():
            return celtypes.DoubleType(value) if node and node.types == ("number",) else celtypes.IntType(value)
        case float():
            return celtypes.DoubleType(value)
        case str():
            return _string(value, node)
        case list():
            items = [convert(item, node.items if node else None) for item in value]
            return UnorderedList(items) if node and node.list_type in ("set", "map") else celtypes.ListType(items)
        case _:
            return celtypes.MapType({_name(name, node): convert(v, _place(name, node)) for name, v in value.items()})


def _place(name: str, node: Node | None) -> Node | None:
    return node.child(name) if node else None


def _string(value: str, node: Node | None) -> Any:
    match node.format if node else "":
        case "date-time":
            return celtypes.TimestampType(value)
        case "duration":
            return celtypes.DurationType(value)
        case _:
            return celtypes.StringType(value)


_RESERVED_LINE = (
    "true false null in as break const continue else for function if import let loop package namespace return var void "
    "while"
)
_RESERVED = frozenset(_RESERVED_LINE.split())
_ESCAPES = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))


def _name(name: str, node: Node | None) -> Any:
    """A declared field's name as an identifier; keys of maps stay as they are."""
    if node is not None and name in node.properties:
        if name in _RESERVED:
            name = f"__{name}__"
        else:
            for plain, escaped in _ESCAPES:
                name = name.replace(plain, escaped)
    return celtypes.StringType(name)
