"""Notes in the ledger, and what Tasks are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

import make
from kelos.api.names import ANNOTATION_ITEM, FINALIZER_REPORT, FINALIZER_SPAWNED
from kelos.api.work_item import Trigger
from kelos.plan import Delete, DropFinalizer
from kelos.spawning.cron import key_of_tick
from kelos.spawning.housekeeping import first_entries, housekeeping
from kelos.spawning.ledger.entry import mark_of
from kelos.spawning.rerun import is_asked_again
from kelos.spawning.spawned import read_task
from kelos.spawning.view import Discovery, Trouble
from spawning import claim, entry, ledger, spawner, task, view


def test_a_task_that_was_made_is_noted_before_it_is_let_go():
    trigger = Trigger(key="comment:1", at=make.NOW)
    known = ledger(claims=(claim("1", trigger=trigger, revision="r1"),))
    chores = housekeeping(view(ledger=known, tasks=(task("1", is_unnoted=True),)))

    assert (entry("1", trigger=trigger, revision="r1"),) == chores.changes.entries
    (step,) = chores.after
    assert isinstance(step, DropFinalizer)


def test_a_task_that_is_noted_is_only_let_go():
    chores = housekeeping(view(ledger=ledger(entry("1")), tasks=(task("1", is_unnoted=True),)))

    assert not chores.changes
    assert [DropFinalizer] == [type(step) for step in chores.after]


def test_a_task_that_came_too_late_goes_without_having_run():
    """Another one was made for the same trigger, and noted."""
    late = task("1", name="triage-1-late", is_unnoted=True)
    chores = housekeeping(view(ledger=ledger(entry("1")), tasks=(late,)))

    assert [Delete, DropFinalizer, DropFinalizer] == [type(step) for step in chores.after]
    assert [FINALIZER_SPAWNED, FINALIZER_REPORT] == [step.finalizer for step in chores.after[1:]]
    assert "uid-triage-1-late" == chores.after[0].uid


def test_a_task_of_an_unknown_item_is_taken_over():
    """The ledger was lost, or its claim was given back a moment too early."""
    chores = housekeeping(view(tasks=(task("1", is_unnoted=True),)))

    assert (entry("1"),) == chores.changes.entries


def test_a_claim_is_fulfilled_by_a_task_that_somebody_freed_by_hand():
    chores = housekeeping(view(ledger=ledger(claims=(claim("1"),)), tasks=(task("1"),)))

    assert (entry("1"),) == chores.changes.entries
    assert () == chores.after


def test_a_task_that_a_person_made_is_let_alone():
    assert not housekeeping(view(tasks=(task("", name="triage-by-hand"),)))


def test_nothing_to_do_costs_no_write():
    assert not housekeeping(view(ledger=ledger(entry("1")), tasks=(task("1"),)))


def test_a_failure_is_remembered_only_where_it_is_tried_again():
    """The Task may expire before its time has come."""
    ended = make.NOW - timedelta(seconds=9)
    failed = task("1", is_finished=True, has_failed=True, ended_at=ended)
    facts = {"ledger": ledger(entry("1")), "tasks": (failed,)}

    assert not housekeeping(view(**facts))
    chores = housekeeping(view(of=spawner(retryPolicy={"maxRetries": 1}), **facts))
    assert (entry("1", failed_at=ended),) == chores.changes.entries


def test_a_claim_that_the_cluster_refused_is_given_back():
    """It would hold a place for ever."""
    trouble = {"1": Trouble(message="refused", until=make.NOW, is_refused=True)}
    known = ledger(claims=(claim("1"),))
    chores = housekeeping(view(ledger=known, absent=frozenset({"triage-1"}), troubles=trouble))

    assert ("1",) == chores.changes.released


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_claim_whose_item_is_gone_is_given_back(is_complete):
    """Even when nothing else is to be read: it may hold the only place there is."""
    known, looked = ledger(claims=(claim("2"),)), Discovery(number=1, sightings=(), is_complete=is_complete)
    chores = housekeeping(view(of=spawner(maxConcurrency=1), discovery=looked, ledger=known, absent={"triage-2"}))

    assert ("2",) == chores.changes.released


@pytest.mark.parametrize(
    "facts",
    [{"discovery": Discovery(), "absent": {"triage-2"}}, {"discovery": Discovery(number=1, sightings=())}],
    ids=["nothing was listed yet", "its Task is there"],
)
def test_a_claim_is_kept_while_its_task_may_come(facts):
    assert not housekeeping(view(ledger=ledger(claims=(claim("2"),)), **facts))


@pytest.mark.parametrize(("tries", "released"), [(2, ()), (3, ("1",))])
def test_a_claimed_item_that_stays_in_trouble_makes_room_for_others(tries, released):
    """Whoever claimed it died, and what its prompt needs is gone since."""
    trouble = {"1": Trouble(message="no answer", until=make.NOW, count=tries)}
    chores = housekeeping(view("1", ledger=ledger(claims=(claim("1"),)), absent={"triage-1"}, troubles=trouble))

    assert released == chores.changes.released


def test_a_claimed_tick_in_trouble_is_tried_for_a_day():
    """It does not come again."""
    cron = spawner(when={"cron": {"schedule": "* * * * *"}})
    keys = [key_of_tick(make.NOW - timedelta(hours=hours)) for hours in (1, 25)]
    facts = {
        "ledger": ledger(claims=tuple(claim(key) for key in keys), watermark=keys[0]),
        "absent": {f"triage-{key}" for key in keys},
        "troubles": {key: Trouble(message="no answer", until=make.NOW, count=9) for key in keys},
    }

    assert (keys[1],) == housekeeping(view(*keys, of=cron, **facts)).changes.released


def test_a_new_ledger_begins_with_the_tasks_there_are():
    """An installation of the reference is taken over: its Tasks say by name what was handled."""
    tasks = (
        task("7", created_at="2026-02-07T08:00:00Z"),
        task("7", name="triage-7-again", created_at="2026-02-07T09:00:00Z"),
        task("", name="triage-eng-42"),
        task("", name="by-hand"),
    )

    assert {"7": mark_of("uid-triage-7-again"), "ENG-42": mark_of("uid-triage-eng-42")} == {
        each.key: each.mark for each in first_entries("triage", tasks)
    }


@pytest.mark.parametrize(
    ("trigger", "comment", "is_asked"),
    [
        ("", Trigger(key="comment:1", at=make.NOW - timedelta(minutes=5)), False),
        ("", Trigger(key="comment:2", at=make.NOW + timedelta(minutes=5)), True),
        ("comment:1", Trigger(key="comment:1", at=make.NOW - timedelta(minutes=5)), False),
        ("comment:1", Trigger(key="comment:2", at=make.NOW - timedelta(minutes=1)), True),
    ],
    ids=["what it was made for", "said since", "what it says itself", "another one"],
)
def test_a_task_that_is_taken_over_was_asked_for_by_somebody(trigger, comment, is_asked):
    """Else every open item with a command would get another Task when a ledger is lost, or the reference left."""
    there = task("7", trigger=trigger, created_at=make.NOW.isoformat())
    (found,) = first_entries("triage", (there,))
    (noted,) = housekeeping(view(tasks=(replace(there, is_unnoted=True),))).changes.entries

    assert [is_asked, is_asked] == [is_asked_again(each, comment) for each in (found, noted)]


@pytest.mark.parametrize("said", ["[" * 100_000, "7", "[]", '{"key": 7}', "no JSON", "", f'{{"key": "{"x" * 501}"}}'])
def test_what_a_task_says_of_its_item_may_be_anything(said):
    """Whoever may annotate Tasks must not be able to stop a TaskSpawner."""
    meta = {"name": "odd", "annotations": {ANNOTATION_ITEM: said}}

    assert ("", "") == (read_task({"metadata": meta}).key, read_task({"metadata": meta}).trigger)


def test_nothing_is_forgotten_before_the_source_was_looked_at():
    """Its open items would be new again."""
    full = ledger(entry("1"), entry("2"))

    assert not view(ledger=full, discovery=Discovery()).may_forget("1")
    assert [False, True] == [view("1", ledger=full).may_forget(key) for key in ("1", "2")]
