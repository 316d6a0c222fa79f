"""Reading JSON that others wrote: any type may stand anywhere, and nothing here raises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

LARGEST_COUNT = 2**53 - 1  # what every JSON reader keeps exactly
SMALLEST_EXPONENT, LARGEST_EXPONENT = -30, 15

Event = dict[str, Any]


def parse_line(line: str) -> Event | None:
    """The JSON object of a line, or None for anything else."""
    text = line.strip()
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text, parse_float=_decimal, parse_constant=lambda _: None)
    except (ValueError, RecursionError, ArithmeticError):
        return None
    return value if isinstance(value, dict) else None


def dig(value: object, *path: str) -> object:
    """The value below nested objects, or None as soon as one is missing or no object."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text(value: object, *path: str) -> str:
    """The string there, or ""."""
    found = dig(value, *path)
    return _whole(found) if isinstance(found, str) else ""


def count(value: object, *path: str) -> int | None:
    """The number of things there, or None."""
    found = dig(value, *path)
    if isinstance(found, Decimal) and found == found.to_integral_value():
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= LARGEST_COUNT:
        return None
    return found


def number(value: object, *path: str) -> Decimal | None:
    """The amount there, exactly as it was written, or None when it is none or absurd."""
    found = dig(value, *path)
    if isinstance(found, str):
        found = _decimal(found)
    if isinstance(found, bool) or not isinstance(found, (int, Decimal)):
        return None
    if isinstance(found, int) and not 0 <= found <= LARGEST_COUNT:
        return None
    amount = Decimal(found)
    if not amount.is_finite() or amount < 0:
        return None
    if amount and not SMALLEST_EXPONENT <= amount.adjusted() <= LARGEST_EXPONENT:
        return None
    return amount if len(amount.as_tuple().digits) <= 40 else None


def plain(amount: Decimal | None) -> str | None:
    """A decimal without exponent: `1e-05` is `0.00001`."""
    if amount is None:
        return None
    return format(abs(amount), "f") if amount else "0"


def objects(value: object, *path: str) -> Iterator[Event]:
    """The objects of the list there."""
    found = dig(value, *path)
    for item in found if isinstance(found, list) else ():
        if isinstance(item, dict):
            yield item


def named_objects(value: object, *path: str) -> Iterator[tuple[str, Event]]:
    """The members of the object there that are objects themselves."""
    found = dig(value, *path)
    for name, item in found.items() if isinstance(found, dict) else ():
        if isinstance(item, dict):
            yield name, item


def _decimal(written: str) -> Decimal | None:
    try:
        return Decimal(written)
    except (InvalidOperation, ValueError):
        return None


def _whole(found: str) -> str:
    # Half of a surrogate pair is legal in JSON and breaks every later encoding.
    return found.encode("utf-8", "replace").decode("utf-8")
