"""`eq` and `lt`, on which the other comparisons rest."""

from __future__ import annotations

from collections.abc import Sequence

from kelos.templates.run import Run
from kelos.templates.values import NOTHING, Value, raw, type_name

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "bool"),  # before int, of which it is a subclass
    (int, "int"),
    (float, "float"),
    (complex, "complex"),
    (str, "string"),
)


def equal(run: Run, values: Sequence[Value]) -> bool:
    """Whether the first value equals one of the others."""
    first, *others = values
    if not others:
        raise run.fault("a comparison needs at least two values")
    return any(_equals(run, first, other) for other in others)


def less(run: Run, values: Sequence[Value]) -> bool:
    """Whether the first value comes before the second."""
    first, second = values
    kind = _kind(first)
    if kind != _kind(second):
        raise _mismatch(run, first, second)
    if isinstance(first, str) and isinstance(second, str):
        run.budget.read(min(len(first), len(second)))
        return first < second if first.isascii() or second.isascii() else raw(first) < raw(second)
    if kind not in ("int", "float"):
        raise run.fault(f"values of type {type_name(first)} have no order")
    assert isinstance(first, int | float)
    assert isinstance(second, int | float)
    return first < second


def _kind(value: Value) -> str:
    for python_type, kind in _KINDS:
        if isinstance(value, python_type):
            return kind
    return ""


def _equals(run: Run, first: Value, other: Value) -> bool:
    kind = _kind(first)
    first_is_nil, other_is_nil = _is_nil(first), _is_nil(other)
    if first_is_nil or other_is_nil:
        return first_is_nil and other_is_nil
    if kind != _kind(other):
        raise _mismatch(run, first, other)
    if not kind:
        raise run.fault(f"values of type {type_name(first)} cannot be compared")
    if isinstance(first, str) and isinstance(other, str):
        run.budget.read(min(len(first), len(other)))
    return first == other


def _is_nil(value: Value) -> bool:
    return value is None or value is NOTHING


def _mismatch(run: Run, first: Value, second: Value) -> Exception:
    return run.fault(f"a value of type {type_name(first)} cannot be compared with one of type {type_name(second)}")
