"""Kubernetes quantities: for money, as the reference stores `costUSD`, and for memory."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal, InvalidOperation

_BYTES = re.compile(r"([0-9]{1,15})(Ki|Mi|Gi|Ti|k|M|G|T)?")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_SUFFIXES = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}


def bytes_of(quantity: str) -> int | None:
    """The bytes of a quantity such as 256Mi; None when it is none."""
    found = _BYTES.fullmatch(quantity.strip())
    return int(found[1]) * _UNITS[found[2] or ""] if found else None


def quantity_of(amount: str) -> str | None:
    """The canonical quantity of a decimal text, rounded up at a billionth; None for nothing positive.

    `0.25` is `250m`, `0.0421` is `42100u`, `2000` is `2k`.
    """
    try:
        exact = Decimal(amount)
    except InvalidOperation:
        return None
    if not exact.is_finite() or not 0 < exact < Decimal(10) ** 18:
        return None
    number, exponent = int((exact * 10**9).to_integral_value(ROUND_CEILING)), -9
    while number % 1000 == 0 and exponent + 3 in _SUFFIXES:
        number, exponent = number // 1000, exponent + 3
    return f"{number}{_SUFFIXES[exponent]}"
