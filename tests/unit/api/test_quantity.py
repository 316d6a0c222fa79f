"""Costs are stored as the reference stores them, so that its tools read ours."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelos.api.quantity import quantity_of

SCALES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12}


@pytest.mark.parametrize(
    ("amount", "quantity"),
    [
        ("0.25", "250m"),
        ("0.0421", "42100u"),
        ("1.5", "1500m"),
        ("12", "12"),
        ("12.0", "12"),
        ("2000", "2k"),
        ("1500", "1500"),
        ("0.000000001", "1n"),
        ("0.0000000011", "2n"),
        ("1e-3", "1m"),
    ],
)
def test_an_amount_has_one_canonical_form(amount, quantity):
    """The largest unit that keeps it whole; a billionth is the smallest, rounded up."""
    assert quantity == quantity_of(amount)


@pytest.mark.parametrize("amount", ["0", "0.00", "-1", "", "free", "NaN", "Infinity", "1e400", "1e18"])
def test_no_cost_is_no_quantity(amount):
    """Zero, negative and nonsense are dropped, not stored."""
    assert quantity_of(amount) is None


@given(st.decimals(min_value="0.000000001", max_value="1000000", places=9))
def test_no_money_is_lost(amount):
    """What comes back is the amount."""
    quantity = quantity_of(format(amount, "f"))

    assert quantity is not None
    number = quantity.rstrip("numkMGT")
    assert amount == Decimal(number).scaleb(SCALES[quantity[len(number) :]])
