"""What answers may take while they are read, and what may be made of one."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from kelos.clients.flight import MIB, Flight, TooMuch, decode, weight_of
from kelos.errors import RemoteError


def test_large_answers_give_way_when_too_many_come_at_once():
    """And are asked for again: nothing is lost but time."""
    flight = Flight(limit_bytes=10 * MIB)
    with flight.answer("First") as first, flight.answer("Second") as second:
        first(8 * MIB)
        with pytest.raises(RemoteError, match="Second is large, and too many large answers come at once"):
            second(3 * MIB)


def test_a_small_answer_always_comes_through():
    """Whoever sends without end crowds out none but large answers."""
    flight = Flight(limit_bytes=10 * MIB)
    with flight.answer("Endless") as endless, flight.answer("Small") as small:
        endless(10 * MIB)
        small(MIB)

    assert 0 == flight.size_bytes


def test_what_an_answer_that_failed_took_is_free_again():
    flight = Flight(limit_bytes=MIB)
    with pytest.raises(RemoteError), flight.answer("Large") as grow:
        grow(2 * MIB)

    assert 0 == flight.size_bytes


DENSE = {
    "empty objects": b"[" + b",".join([b"{}"] * 200_000) + b"]",
    "empty lists": b"[" + b",".join([b"[]"] * 200_000) + b"]",
    "small objects": b"[" + b",".join([b'{"a":1}'] * 100_000) + b"]",
    "short texts": b"[" + b",".join(b'"%d"' % n for n in range(200_000)) + b"]",
    "wide texts": b'["' + "😀".encode() + b"a" * 1_000_000 + b'"]',
    "wide texts, written in letters": b'["\\ud83d\\ude00' + b"a" * 1_000_000 + b'"]',
    "many names": b"{" + b",".join(b'"%d":0' % n for n in range(200_000)) + b"}",
}


@pytest.mark.parametrize("content", DENSE.values(), ids=DENSE)
def test_the_weight_of_a_document_is_no_less_than_what_it_takes(content):
    """A megabyte of `{}` becomes seventy."""
    tracemalloc.start()
    try:
        found = json.loads(content)
        took, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found
    assert took <= weight_of(content) + 1000


def test_a_document_that_would_take_too_much_is_not_decoded():
    with pytest.raises(TooMuch, match="it would take more than 8 MiB of memory"):
        decode(DENSE["empty objects"], 8 * MIB)
    assert 200_000 == len(decode(DENSE["empty objects"], 128 * MIB))


def test_a_page_of_the_longest_issues_is_decoded():
    """A hundred, of 65,536 characters each, with as much code in them as there is in programs."""
    body = ("for (let i = 0; i < items[i].length; i++) { call(items[i], {a: 1}); }\n" * 1000)[:65_536]
    page = json.dumps([{"number": n, "title": "x", "body": body} for n in range(100)]).encode()

    assert 100 == len(decode(page, 128 * MIB))
