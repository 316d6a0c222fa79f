"""Amounts of resources, as pods write them."""

from decimal import Decimal

import pytest

from kelos.local.server.builtin.quantities import amount_of, check_resources


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [
        ("1", "1"), (2, "2"), (0.5, "0.5"), ("500m", "0.5"), ("1.5", "1.5"), (".5", "0.5"), ("100n", "0.0000001"),
        ("1Ki", "1024"), ("2Gi", "2147483648"), ("1k", "1000"), ("1e3", "1000"), ("1E", "1e18"), ("5E-1", "0.5"),
        ("+1", "1"), ("-1", "-1"),
    ],
)  # fmt: skip
def test_a_quantity_is_a_number_with_a_suffix(quantity: object, amount: str):
    """All spellings of one amount are equal."""
    assert Decimal(amount) == amount_of(quantity)


@pytest.mark.parametrize("text", ["", "lots", "1 Gi", "1gi", "1KiB", "m", "1,5", "0x10", "١", True, None, [1], "1e999"])
def test_what_is_no_quantity_is_none(text: object):
    """A typing mistake must not become a tiny or a huge pod."""
    assert amount_of(text) is None


@pytest.mark.parametrize(
    ("resources", "fields"),
    [
        ({}, []),
        (None, []),
        ({"limits": {"cpu": "1"}, "requests": {"cpu": "1000m", "memory": "1Gi"}}, []),
        ({"limits": {"cpu": "lots"}}, ["r.limits[cpu]"]),
        ({"requests": {"memory": "-1Gi"}}, ["r.requests[memory]"]),
        ({"limits": {"cpu": "1"}, "requests": {"cpu": "1001m"}}, ["r.requests"]),
        ({"limits": {"memory": "1G"}, "requests": {"memory": "1Gi"}}, ["r.requests"]),
    ],
)
def test_nobody_requests_more_than_his_limit(resources: object, fields: list[str]):
    """Such a pod is refused when it is created, and not left waiting for a node."""
    assert fields == [cause.field for cause in check_resources(resources, "r")]
