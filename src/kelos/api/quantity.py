"""Kubernetes quantities for money: how the reference stores `costUSD`."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, InvalidOperation

_SUFFIXES = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}


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
