"""What tables show of each kind."""

from __future__ import annotations

from kelos.cli.kinds import find_resource


def record(cost: str | None, ended: str = "2026-02-07T09:00:00Z"):
    usage = {"cost": cost} if cost is not None else {"inputTokens": 7}
    return {"metadata": {"name": "u"}, "spec": {"taskRef": {"name": "t"}, "completionTime": ended, "usage": usage}}


def test_a_bill_is_summed_exactly_and_says_what_it_does_not_know():
    """Ten cents and twenty are thirty; a cost that nobody named is not zero."""
    total = find_resource("tr").total

    assert "3 records, 0.3 USD; 1 of them named no cost" == total([record("0.1"), record("0.2"), record(None)])
    assert "1 record, 100 USD" == total([record("100")])


def test_a_bill_is_read_from_old_to_new():
    order = find_resource("taskrecords").order

    assert order(record("1", "2026-02-07T09:00:00Z")) < order(record("1", "2026-02-08T08:00:00Z"))
