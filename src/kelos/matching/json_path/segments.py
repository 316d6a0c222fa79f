"""The parts of a path, and what each of them finds in a document."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


class TooManySteps(Exception):
    """The budget is spent."""


@dataclass(slots=True, kw_only=True)
class Walk:
    """One search: the whole document, and how many more values may be looked at."""

    root: object
    steps: int

    def step(self) -> None:
        """Pay for looking at one value."""
        self.steps -= 1
        if self.steps < 0:
            raise TooManySteps


@dataclass(frozen=True, slots=True)
class Keys:
    """`.name`, `["name"]`, `[0]`, or several of them."""

    keys: tuple[str | int, ...]

    def select(self, value: object, walk: Walk) -> Iterator[object]:
        """What is there under the keys; a number counts in lists, and from the end when it is negative."""
        for key in self.keys:
            walk.step()
            if isinstance(value, dict) and str(key) in value:
                yield value[str(key)]
            elif isinstance(value, list):
                index = key if isinstance(key, int) else int(key) if key.isdecimal() and len(key) < 10 else None
                if index is not None and -len(value) <= index < len(value):
                    yield value[index]


@dataclass(frozen=True, slots=True)
class Every:
    """`.*` or `[*]`."""

    def select(self, value: object, walk: Walk) -> Iterator[object]:
        """All that is directly below."""
        for child in children(value):
            walk.step()
            yield child


@dataclass(frozen=True, slots=True)
class Slice:
    """`[1:3]`, `[::2]`."""

    part: slice

    def select(self, value: object, walk: Walk) -> Iterator[object]:
        """A part of a list."""
        if isinstance(value, list):
            for child in value[self.part]:
                walk.step()
                yield child


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(…)]`."""

    condition: Condition

    def select(self, value: object, walk: Walk) -> Iterator[object]:
        """What is directly below and fulfils the condition."""
        for child in children(value):
            walk.step()
            if is_true(self.condition.of(child, walk)):
                yield child


@dataclass(frozen=True, slots=True)
class Below:
    """`..` before another part: that part, of the value and of all that is below it."""

    part: Keys | Every | Slice | Filter

    def select(self, value: object, walk: Walk) -> Iterator[object]:
        """In the order of the document."""
        waiting = [value]
        while waiting:
            here = waiting.pop()
            walk.step()
            yield from self.part.select(here, walk)
            waiting.extend(reversed(list(children(here))))


Segment = Keys | Every | Slice | Filter | Below


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A path from the root (`$`) or, in a filter, from the value it looks at (`@`)."""

    segments: tuple[Segment, ...]
    is_relative: bool = False

    @property
    def is_single(self) -> bool:
        """Whether it can find one value at most."""
        return all(isinstance(segment, Keys) and len(segment.keys) == 1 for segment in self.segments)

    def values(self, value: object, walk: Walk) -> Iterable[object]:
        """Everything it finds."""
        found: Iterable[object] = (value if self.is_relative else walk.root,)
        for segment in self.segments:
            found = _each(segment, found, walk)
        return found

    def of(self, value: object, walk: Walk) -> object:
        """As a part of a condition."""
        found = list(self.values(value, walk))
        return (found[0] if found else MISSING) if self.is_single else found


def _each(segment: Segment, values: Iterable[object], walk: Walk) -> Iterator[object]:
    for value in values:
        yield from segment.select(value, walk)


MISSING = object()


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, true, false or null."""

    value: object

    def of(self, value: object, walk: Walk) -> object:
        return self.value


@dataclass(frozen=True, slots=True)
class Not:
    """`!…`"""

    condition: Condition

    def of(self, value: object, walk: Walk) -> object:
        return not is_true(self.condition.of(value, walk))


@dataclass(frozen=True, slots=True)
class Joined:
    """`… && …` or `… || …`, which `stops_at` false or true."""

    conditions: tuple[Condition, ...]
    stops_at: bool

    def of(self, value: object, walk: Walk) -> object:
        is_found = any(is_true(condition.of(value, walk)) is self.stops_at for condition in self.conditions)
        return is_found is self.stops_at


@dataclass(frozen=True, slots=True)
class Compared:
    """`… == …` and its like. What is missing, a list or an object fulfils no comparison."""

    sign: str
    left: Condition
    right: Condition

    def of(self, value: object, walk: Walk) -> object:
        left, right = self.left.of(value, walk), self.right.of(value, walk)
        if not (_is_scalar(left) and _is_scalar(right)):
            return False
        if self.sign in ("==", "!="):
            return (_kind(left) == _kind(right) and left == right) is (self.sign == "==")
        return _kind(left) == _kind(right) and _kind(left) in (str, float) and COMPARISONS[self.sign](left, right)


Condition = Query | Literal | Not | Joined | Compared

COMPARISONS: dict[str, Callable[..., bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def is_true(value: object) -> bool:
    """Whether a value alone fulfils a condition."""
    return value is not MISSING and bool(value)


def children(value: object) -> Iterable[object]:
    """What is directly below, in the order of the document."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _kind(value: object) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
