"""Fields: names that lead into nested maps, and never to an attribute of a Python object."""

from __future__ import annotations

from kelos.templates.run import Run
from kelos.templates.values import NOTHING, StringMap, Value, admit, type_name

# A chain of names longer than people write is paid for.
_FREE_NAMES = 8


def walk(run: Run, at: int, value: Value, names: tuple[str, ...], *, has_arguments: bool = False) -> Value:
    """Follow names into nested maps. Arguments are refused by the last map only, as in Go."""
    last = len(names) - 1
    if last > _FREE_NAMES:
        run.budget.spend(last)
    for index, name in enumerate(names):
        if isinstance(value, dict):
            if has_arguments and index == last:
                run.at = at
                raise run.fault(f"{name} is not a function, so it takes no arguments")
            value = _entry(run, at, value, name)
        elif value is NOTHING:
            if run.strict:
                run.at = at
                raise run.fault(f"there is nothing that could have an entry {name!r}")
            return NOTHING
        else:
            run.at = at
            what = "null" if value is None else f"a value of type {type_name(value)}"
            raise run.fault(f"{what} has no entry {name!r}")
    return value


def _entry(run: Run, at: int, mapping: dict[str, Value] | StringMap, name: str) -> Value:
    if name in mapping:
        return admit(mapping[name])
    if run.strict:
        run.at = at
        raise run.fault(f"there is no entry {name!r}")
    return NOTHING
