"""The built-in functions, except that `and` and `or` are evaluated where their arguments are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from kelos.templates.comparison import equal, less
from kelos.templates.escapes import escape_html, escape_js, escape_url
from kelos.templates.gofmt.printer import print_line, print_plain
from kelos.templates.gofmt.printf import print_formatted
from kelos.templates.run import Run
from kelos.templates.values import (
    NOTHING,
    StringMap,
    Uint8,
    Value,
    admit,
    byte_length,
    from_raw,
    is_true,
    raw,
    type_name,
)

Apply: TypeAlias = Callable[[Run, Sequence[Value]], Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function and how many arguments it takes."""

    apply: Apply
    at_least: int = 0
    at_most: int | None = None
    stops_at: bool | None = None  # the truth of an argument that makes the others unnecessary


NO_VALUE = "<no value>"


def printed(run: Run, value: Value) -> str:
    """The value as an action writes it."""
    if type(value) is int:
        return str(value)
    if value is NOTHING or value is None:
        return NO_VALUE if run.absent is None else run.absent
    return print_plain(run.budget, (value,))


def _print(run: Run, values: Sequence[Value]) -> Value:
    return print_plain(run.budget, _filled(run, values))


def _println(run: Run, values: Sequence[Value]) -> Value:
    return print_line(run.budget, _filled(run, values))


def _filled(run: Run, values: Sequence[Value], nothing: str | None = None) -> Sequence[Value]:
    """The values with a text in place of those that are absent, where there is one."""
    text = nothing if run.absent is None else run.absent
    return values if text is None else [text if value is NOTHING or value is None else value for value in values]


def _printf(run: Run, values: Sequence[Value]) -> Value:
    text = values[0]
    if not isinstance(text, str):
        raise run.fault(f"the first argument of printf must be a string, not {type_name(text)}")
    return print_formatted(run.budget, text, _filled(run, values[1:]))


def _escaping(escape: Callable[[str], str]) -> Apply:
    def apply(run: Run, values: Sequence[Value]) -> Value:
        text = escape(print_plain(run.budget, _filled(run, values, NO_VALUE)))
        run.budget.hold(len(text))
        run.budget.read(len(text))
        return text

    return apply


def _not(run: Run, values: Sequence[Value]) -> Value:
    return not is_true(values[0])


def _len(run: Run, values: Sequence[Value]) -> Value:
    (value,) = values
    if isinstance(value, str):
        run.budget.read(0 if value.isascii() else len(value))
        return byte_length(value)
    if isinstance(value, dict | list):
        return len(value)
    raise run.fault(f"a value of type {type_name(value)} has no length")


def _index(run: Run, values: Sequence[Value]) -> Value:
    value = values[0]
    if value is NOTHING or value is None:
        raise run.fault("index of nothing: the first argument has no value")
    for index in values[1:]:
        value = admit(_element(run, value, index))
    return value


def _element(run: Run, value: Value, index: Value) -> Value:
    if isinstance(value, dict):
        if not isinstance(index, str):
            raise run.fault(f"a map is indexed with a string, not with {type_name(index)}")
        return value.get(index, "" if isinstance(value, StringMap) else None)
    if isinstance(value, list):
        return value[_position(run, index, len(value) - 1)]
    if isinstance(value, str):
        run.budget.read(len(value))
        content = raw(value)
        return Uint8(content[_position(run, index, len(content) - 1)])
    if value is None:
        raise run.fault(f"cannot look up {index!r} in null, or in an entry that does not exist")
    raise run.fault(f"a value of type {type_name(value)} cannot be indexed")


def _position(run: Run, index: Value, highest: int) -> int:
    if not isinstance(index, int) or isinstance(index, bool):
        raise run.fault(f"a position must be an integer, not {type_name(index)}")
    if not 0 <= index <= highest:
        raise run.fault(f"the index {index} is out of range")
    return int(index)


def _slice(run: Run, values: Sequence[Value]) -> Value:
    value = values[0]
    if not isinstance(value, str | list):
        raise run.fault(f"a value of type {type_name(value)} cannot be sliced")
    if isinstance(value, str) and len(values) > 3:
        raise run.fault("a string is sliced with at most two positions")
    run.budget.read(len(value))
    content = raw(value) if isinstance(value, str) else value
    positions = [_position(run, index, len(content)) for index in values[1:]]
    start, end, capacity = (positions + [0, len(content), len(content)][len(positions) :])[:3]
    if not start <= end <= capacity:
        raise run.fault("the positions of a slice must not decrease")
    part = content[start:end]
    return from_raw(part) if isinstance(part, bytes) else part


def _call(run: Run, values: Sequence[Value]) -> Value:
    raise run.fault(f"a value of type {type_name(values[0])} is not a function, so it cannot be called")


def _eq(run: Run, values: Sequence[Value]) -> Value:
    return equal(run, values)


def _ne(run: Run, values: Sequence[Value]) -> Value:
    return not equal(run, values)


def _lt(run: Run, values: Sequence[Value]) -> Value:
    return less(run, values)


def _le(run: Run, values: Sequence[Value]) -> Value:
    return less(run, values) or equal(run, values)


def _gt(run: Run, values: Sequence[Value]) -> Value:
    return not _le(run, values)


def _ge(run: Run, values: Sequence[Value]) -> Value:
    return not less(run, values)


def _never(run: Run, values: Sequence[Value]) -> Value:
    raise AssertionError("evaluated where the arguments are")


FUNCTIONS: dict[str, Function] = {
    "and": Function(apply=_never, at_least=1, stops_at=False),
    "or": Function(apply=_never, at_least=1, stops_at=True),
    "not": Function(apply=_not, at_least=1, at_most=1),
    "len": Function(apply=_len, at_least=1, at_most=1),
    "index": Function(apply=_index, at_least=1),
    "slice": Function(apply=_slice, at_least=1, at_most=4),
    "call": Function(apply=_call, at_least=1),
    "print": Function(apply=_print),
    "println": Function(apply=_println),
    "printf": Function(apply=_printf, at_least=1),
    "html": Function(apply=_escaping(escape_html)),
    "js": Function(apply=_escaping(escape_js)),
    "urlquery": Function(apply=_escaping(escape_url)),
    "eq": Function(apply=_eq, at_least=1),
    "ne": Function(apply=_ne, at_least=2, at_most=2),
    "lt": Function(apply=_lt, at_least=2, at_most=2),
    "le": Function(apply=_le, at_least=2, at_most=2),
    "gt": Function(apply=_gt, at_least=2, at_most=2),
    "ge": Function(apply=_ge, at_least=2, at_most=2),
}
