"""The ledger: what was handled stays handled, in objects of bounded size, at a cost that does not grow."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelos.api.kinds import Manifest
from kelos.api.work_item import Trigger
from kelos.errors import UserError
from kelos.plan import Create, Delete, Patch, Step
from kelos.spawning.ledger import writing
from kelos.spawning.ledger.entry import (
    Claim,
    Entry,
    decode_claim,
    decode_entry,
    encode_claim,
    encode_entry,
    key_of,
    mark_of,
)
from kelos.spawning.ledger.ledger import Ledger, Owner, parse_head, parse_segment
from kelos.spawning.ledger.writing import Changes, first_head, record

OWNER = Owner(namespace="team", name="triage", uid="0123456789abcdef")
NOW = datetime(2026, 2, 7, 9, 0, tzinfo=timezone.utc)
MEGABYTE = 1_000_000


class Shelf:
    """ConfigMaps as an API server keeps them, and how much was written."""

    def __init__(self) -> None:
        self.objects: dict[str, Manifest] = {}
        self.version = 0
        self.written_bytes = 0
        self.parsed: dict[str, dict[str, str]] = {}
        self.do(first_head(OWNER))

    def do(self, step: Step) -> None:
        self.version += 1
        match step:
            case Create(manifest=manifest):
                name = manifest["metadata"]["name"]
                self.objects[name] = manifest | {"metadata": manifest["metadata"] | {"resourceVersion": "1"}}
                self._wrote(manifest["data"])
            case Patch(name=name, body=body):
                there = self.objects[name]
                assert body["metadata"]["resourceVersion"] == there["metadata"]["resourceVersion"]
                meta = there["metadata"] | {"resourceVersion": str(self.version)}
                self.objects[name] = there | {"metadata": meta, "data": there["data"] | body["data"]}
                self._wrote(body["data"])
            case Delete(name=name):
                del self.objects[name]

    def _wrote(self, data: dict[str, str]) -> None:
        size = sum(len(text.encode()) for text in data.values())
        assert size < MEGABYTE
        self.written_bytes += size

    def ledger(self) -> Ledger:
        head = parse_head(self.objects[OWNER.head_name])
        for ref in head.segments:
            if ref.name not in self.parsed:
                self.parsed[ref.name] = dict(parse_segment(self.objects[ref.name]))
        return Ledger(owner=OWNER, head=head, older=tuple(self.parsed[ref.name] for ref in head.segments))

    def write(self, changes: Changes, **options) -> None:
        for step in record(self.ledger(), changes, **options):
            self.do(step)


def entry(key: str, **facts) -> Entry:
    return Entry(key=key, mark=mark_of(f"uid of {key}"), revision="2026-02-07T09:00:00Z", **facts)


def test_a_claim_becomes_an_entry_when_its_task_exists():
    shelf = Shelf()
    claim = Claim(key="7", name="triage-7", trigger=Trigger(key="comment:1", at=NOW), revision="r")

    shelf.write(Changes(claims=(claim,)))
    assert {"7": claim} == shelf.ledger().head.claims
    assert not shelf.ledger().is_handled("7")

    shelf.write(Changes(entries=(entry("7"),)))
    assert {} == shelf.ledger().head.claims
    assert shelf.ledger().is_handled("7")
    assert 1 == shelf.ledger().head.created


def test_a_claim_that_is_given_back_leaves_what_was_known_before():
    """The item's earlier Task is still its last one."""
    shelf = Shelf()
    shelf.write(Changes(claims=(Claim(key="7", name="triage-7"),)))
    shelf.write(Changes(entries=(entry("7"),)))
    shelf.write(Changes(claims=(Claim(key="7", name="triage-7-x", attempt=1),)))
    shelf.write(Changes(released=("7",)))

    assert entry("7") == shelf.ledger().find("7")
    assert 1 == shelf.ledger().head.created


def test_who_read_an_older_ledger_cannot_write():
    """Two leaders never both believe that a claim is theirs."""
    shelf = Shelf()
    old = shelf.ledger()
    shelf.write(Changes(claims=(Claim(key="7", name="triage-7"),)))

    (write,) = record(old, Changes(claims=(Claim(key="7", name="triage-7"),)))

    with pytest.raises(AssertionError):
        shelf.do(write)


def test_a_watermark_never_goes_back():
    shelf = Shelf()
    shelf.write(Changes(watermark="20260207-0900"))
    shelf.write(Changes(watermark="20260207-0800"))

    assert "20260207-0900" == shelf.ledger().head.watermark


def test_a_watermark_goes_back_only_where_a_schedule_begins_anew():
    shelf = Shelf()
    shelf.write(Changes(watermark="20270207-0900"))
    shelf.write(Changes(begins_anew_at="20260207-0900"))

    assert "20260207-0900" == shelf.ledger().head.watermark


texts = st.text(max_size=12)
moments = st.none() | st.datetimes(timezones=st.just(timezone.utc))
triggers = st.builds(Trigger, key=texts, at=moments)


@given(st.builds(Claim, key=texts, name=texts, trigger=triggers, attempt=st.integers(0, 9), revision=texts))
def test_a_claim_survives_its_line(claim):
    assert claim == decode_claim(encode_claim(claim))
    assert "\n" not in encode_claim(claim)


@given(
    st.builds(
        Entry, key=texts, mark=texts, trigger=triggers, attempt=st.integers(0, 9), revision=texts, failed_at=moments
    )
)
def test_an_entry_survives_its_line(entry):
    """Keys may be anything that a source calls its items."""
    line = encode_entry(entry)

    assert entry == decode_entry(line)
    assert not entry.key or entry.key == key_of(line)
    assert "\n" not in line


@given(st.lists(st.tuples(st.sampled_from("abcdefghij"), st.integers(0, 3)), max_size=60), st.data())
def test_the_newest_word_on_an_item_counts_however_the_ledger_is_cut(writes, data):
    """Sealing, merging and rewriting change where an entry is, never what is known."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "HEAD_BYTES", data.draw(st.integers(60, 400)))
        patch.setattr(writing, "SEGMENT_BYTES", data.draw(st.integers(100, 900)))
        patch.setattr(writing, "SLACK", data.draw(st.integers(0, 40)))
        shelf, known = Shelf(), {}
        for key, attempt in writes:
            shelf.write(Changes(entries=(entry(key, attempt=attempt),)))
            known[key] = attempt
        ledger = shelf.ledger()

    assert known == {key: found.attempt for key in known if (found := ledger.find(key)) is not None}
    assert set(known) == {key for key, _ in ledger.lines()}
    listed = {OWNER.head_name, *(ref.name for ref in ledger.head.segments), *ledger.head.dropped}
    assert listed == set(shelf.objects), "nothing is left that the head does not know"


def test_a_hundred_thousand_items_stay_small_and_cheap():
    """A pass reads the head, whatever else there is; each entry is written again only a few times."""
    shelf, step = Shelf(), 100
    head_bytes = 0
    for start in range(0, 100_000, step):
        shelf.write(Changes(entries=tuple(entry(str(number)) for number in range(start, start + step))))
        head = shelf.objects[OWNER.head_name]["data"]
        head_bytes = max(head_bytes, sum(map(len, head.values())))
    ledger = shelf.ledger()
    payload = sum(len(line) for _, line in ledger.lines())

    assert 100_000 == ledger.size
    assert all(ledger.is_handled(str(number)) for number in Random(7).sample(range(100_000), 1000))
    assert not ledger.is_handled("100000")
    assert len(shelf.objects) < 50
    assert head_bytes < 60_000
    assert shelf.written_bytes < 12 * payload, f"{shelf.written_bytes / payload:.1f} times"


def test_beyond_its_limit_it_forgets_the_oldest_that_may_be_forgotten(monkeypatch):
    monkeypatch.setattr(writing, "MOST_ITEMS", 100)
    monkeypatch.setattr(writing, "HEAD_BYTES", 500)
    shelf = Shelf()
    for number in range(300):
        shelf.write(Changes(entries=(entry(str(number)),)), may_forget=lambda key: key != "3")
    ledger = shelf.ledger()

    assert ledger.size <= 110
    assert ledger.is_handled("3")
    assert ledger.is_handled("299")
    assert not ledger.is_handled("4")


def test_a_tick_that_failed_can_be_dated():
    failed = entry("20260207-0900", failed_at=NOW + timedelta(seconds=30))

    assert failed == decode_entry(encode_entry(failed))


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"state": "{}"},
        {"state": "[]"},
        {"state": json.dumps({"layout": 2})},
        {"state": "not json"},
    ],
)
def test_what_somebody_wrote_into_it_is_refused_with_a_remedy(data):
    """Going on without memory would do everything again."""
    manifest = {"metadata": {"name": "kelos-ledger-triage", "resourceVersion": "1"}, "data": data}

    with pytest.raises(UserError, match=r"kelos-ledger-triage.*restore it"):
        parse_head(manifest)
