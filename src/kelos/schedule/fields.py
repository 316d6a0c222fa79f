"""The five fields of a cron expression: what they may say, and what they then mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

from kelos.api.checks import excerpt
from kelos.schedule.ticks import Fields

_NUMBER = re.compile(r"\+?[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    noun: str
    low: int
    high: int
    names: tuple[str, ...] = ()


MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

_MINUTES = Field(noun="minute", low=0, high=59)
_HOURS = Field(noun="hour", low=0, high=23)
_DAYS = Field(noun="day of month", low=1, high=31)
_MONTHS = Field(noun="month", low=1, high=12, names=MONTH_NAMES)
_WEEKDAYS = Field(noun="day of week", low=0, high=6, names=WEEKDAY_NAMES)


def parse_fields(words: list[str], zone: tzinfo) -> Fields:
    """Read the fields, or raise ValueError with what the expression must have."""
    if len(words) != 5:
        raise ValueError(f"must have five fields (minute hour day month weekday), it has {len(words)}")
    kinds = (_MINUTES, _HOURS, _DAYS, _MONTHS, _WEEKDAYS)
    minutes, hours, days, months, weekdays = (
        frozenset(_values(word, field)) for word, field in zip(words, kinds, strict=True)
    )
    return Fields(
        minutes=tuple(hour * 60 + minute for hour in sorted(hours) for minute in sorted(minutes)),
        days=days,
        months=months,
        weekdays=weekdays,
        day_needs_both=_is_any(words[2]) or _is_any(words[4]),
        zone=zone,
    )


def _values(word: str, field: Field) -> Iterator[int]:
    parts = [part for part in word.split(",") if part]
    if not parts:
        raise ValueError(f"must have a value in the field of the {field.noun}")
    for part in parts:
        span, slash, step_word = part.partition("/")
        step = _number(step_word, field) if slash else 1
        if step == 0:
            raise ValueError(f"must have a step greater than 0 in '{excerpt(part)}' of the {field.noun}")
        yield from range(*_span(span, field, is_stepped=bool(slash)), step)


def _span(text: str, field: Field, *, is_stepped: bool) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if first in ("*", "?"):
        return field.low, field.high + 1
    start = _number(first, field, field.names)
    end = _number(last, field, field.names) if dash else (field.high if is_stepped else start)
    if not field.low <= start <= end <= field.high:
        order = ", the smaller one first" if dash else ""
        raise ValueError(
            f"must have the {field.noun} between {field.low} and {field.high}{order}, not '{excerpt(text)}'"
        )
    return start, end + 1


def _number(text: str, field: Field, names: tuple[str, ...] = ()) -> int:
    if text.lower() in names:
        return field.low + names.index(text.lower())
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"must have a number in the field of the {field.noun}, not '{excerpt(text)}'")
    return int(text)


def _is_any(word: str) -> bool:
    """Whether a field says `*`, which a step of more than one takes back."""
    return any(part[:1] in ("*", "?") and part.partition("/")[2].lstrip("+0") in ("", "1") for part in word.split(","))
