"""Which items are read, and which of those become Tasks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

import make
from kelos.api.work_item import Sighting, Trigger
from kelos.controllers.task_spawner.memory import Memory
from kelos.errors import UserError
from kelos.spawning.choose import choose, to_read
from kelos.spawning.view import Discovery, Look, Trouble, Why
from spawning import ASKED, claim, entry, item, ledger, spawner, task, view

EARLIER, LATER = make.NOW - timedelta(minutes=5), make.NOW + timedelta(minutes=5)


def name_of(item, is_first, attempt):
    return f"triage-{item.key}" if is_first and not attempt else f"triage-{item.key}-{item.trigger.key}-{attempt}"


def read(view):
    return [(wanted.sighting.key, wanted.why) for wanted in to_read(view)]


def chosen(view, *items):
    return [
        (each.claim.name, each.is_new)
        for each in choose(view, to_read(view), {each.key: each for each in items}, name_of).chosen
    ]


def test_a_new_item_becomes_a_task():
    seen = view("1", "2")

    assert [("1", Why.NEW), ("2", Why.NEW)] == read(seen)
    assert [("triage-1", True), ("triage-2", True)] == chosen(seen, item("1"), item("2"))


def test_an_item_that_was_handled_is_not_even_read():
    """Its Task may be long gone."""
    assert [] == read(view("1", ledger=ledger(entry("1"))))


def test_nothing_is_read_without_a_look():
    assert [] == read(view(discovery=Discovery()))


@pytest.mark.parametrize(
    ("spec", "facts", "left"),
    [
        ({"suspend": True}, {}, 0),
        ({"maxConcurrency": 2}, {"tasks": (task("8"),)}, 1),
        ({"maxConcurrency": 2}, {"tasks": (task("8"), task("9"))}, 0),
        ({"maxConcurrency": 2}, {"tasks": (task("8"), task("9", is_finished=True))}, 1),
        ({"maxConcurrency": 2}, {"ledger": ledger(claims=(claim("8"),))}, 1),
        ({"maxConcurrency": 2}, {"ledger": ledger(claims=(claim("8"),)), "tasks": (task("8"),)}, 1),
        ({"maxTotalTasks": 5}, {"ledger": ledger(created=4)}, 1),
        ({"maxTotalTasks": 5}, {"ledger": ledger(created=5)}, 0),
        ({"maxConcurrency": 0, "maxTotalTasks": 0}, {"ledger": ledger(created=900)}, 3),
    ],
)
def test_no_more_become_tasks_than_there_is_room(spec, facts, left):
    """What is claimed has its place, and the total counts Tasks that are gone."""
    seen = view("1", "2", "3", of=spawner(**spec), **facts)

    assert left == len(chosen(seen, item("1"), item("2"), item("3")))
    assert bool(left) == bool(read(seen)), "nothing is read in vain"


def test_labels_decide_who_comes_first():
    """The first of the priority labels that an item has; the source's order among equals."""
    wished = spawner(when={"githubIssues": {"priorityLabels": ["urgent", "soon"]}})
    labels = (("1", ()), ("2", ("soon",)), ("3", ("soon", "urgent")), ("4", ("urgent",)))
    seen = view(*(Sighting(key=key, labels=given) for key, given in labels), of=wished)

    assert ["3", "4", "2", "1"] == [key for key, _ in read(seen)]


def test_a_later_comment_asks_again_and_the_first_task_stays():
    """Even one that was written while the Task ran."""
    seen = view("1", of=spawner(when=ASKED), ledger=ledger(entry("1", trigger=Trigger(key="comment:1", at=EARLIER))))

    assert [("1", Why.ASKED_AGAIN)] == read(seen)
    assert [("triage-1-comment:2-0", True)] == chosen(seen, item("1", "comment:2", make.NOW))


@pytest.mark.parametrize(
    "asked",
    [item("1", "comment:1", LATER), item("1", "comment:0", EARLIER - timedelta(hours=1)), item("1")],
    ids=["the same comment, edited", "an older one: the last was deleted", "none"],
)
def test_only_another_and_not_an_older_trigger_asks_again(asked):
    seen = view("1", of=spawner(when=ASKED), ledger=ledger(entry("1", trigger=Trigger(key="comment:1", at=EARLIER))))

    assert [] == chosen(seen, asked)


def test_while_its_task_is_unfinished_an_item_waits():
    """Nothing is lost: the ledger still has the older trigger."""
    known = ledger(entry("1", trigger=Trigger(key="comment:1", at=EARLIER)))

    assert [] == read(view("1", of=spawner(when=ASKED), ledger=known, tasks=(task("1"),)))


def test_an_item_that_did_not_change_is_not_read_again():
    known = ledger(entry("1", revision="r1"))

    assert [] == read(view("1", of=spawner(when=ASKED), ledger=known))


def test_a_change_is_read_twice_after_two_looks():
    """What the listing shows may not be readable yet; what was read after this look is."""

    def look(reads, listing):
        return {"1": Look(revision="r1", reads=reads, at=make.NOW, listing=listing)}

    assert [] == read(view("1", looked=look(1, 1)))
    assert ["1"] == [key for key, _ in read(view("1", looked=look(1, 0)))]
    assert [] == read(view("1", looked=look(2, 0)))


def test_now_and_then_everything_is_read():
    """Somebody may have got the right to ask; nothing at the item says so."""
    before = {"1": Look(revision="r1", reads=2, at=make.NOW - timedelta(hours=2), listing=0)}

    assert ["1"] == [key for key, _ in read(view("1", looked=before))]


@pytest.mark.parametrize(("attempt", "failed_ago", "is_due"), [(0, 61, True), (0, 59, False), (1, 61, False)])
def test_a_failed_item_is_tried_again_after_its_pause(attempt, failed_ago, is_due):
    policy = {"maxRetries": 1, "backoffSeconds": 60}
    failed = entry("1", attempt=attempt, failed_at=make.NOW - timedelta(seconds=failed_ago))
    seen = view("1", of=spawner(retryPolicy=policy), ledger=ledger(failed))

    assert ([("triage-1--1", True)] if is_due else []) == chosen(seen, item("1"))


def test_a_claim_without_a_task_is_fulfilled_first():
    """Whoever made it died; its place is taken already."""
    known = ledger(claims=(claim("2"),))
    seen = view("1", "2", of=spawner(maxConcurrency=1), ledger=known, absent=frozenset({"triage-2"}))

    assert [("2", Why.CLAIMED)] == read(seen)
    assert [("triage-2", False)] == chosen(seen, item("2"))


def test_a_claim_for_a_comment_that_is_gone_becomes_one_for_the_next():
    known = ledger(claims=(claim("2", trigger=Trigger(key="comment:1", at=EARLIER)),))
    seen = view("2", of=spawner(when=ASKED), ledger=known, absent=frozenset({"triage-2"}))
    (found,) = choose(seen, to_read(seen), {"2": item("2", "comment:2", make.NOW)}, name_of).chosen

    assert ("triage-2", "comment:2", True) == (found.claim.name, found.claim.trigger.key, found.is_new)


def test_an_item_in_trouble_is_left_alone_for_a_while():
    trouble = {"1": Trouble(message="no such variable", until=LATER), "2": Trouble(message="it was", until=EARLIER)}

    assert ["2"] == [key for key, _ in read(view("1", "2", troubles=trouble))]


def test_a_failed_item_that_qualifies_no_more_is_left_alone_for_longer_each_time():
    """Its retry is due in every pass from now on: each one would read it, and those behind it never be reached."""
    failed = entry("1", failed_at=make.NOW - timedelta(hours=1))
    seen = view("1", of=spawner(retryPolicy={"maxRetries": 1}), ledger=ledger(failed))
    choice = choose(seen, to_read(seen), {"1": None}, name_of)
    memory, pauses = Memory(uid="uid-triage", generation=1, due_at=0.0), []
    for _ in range(4):
        memory.worry("1", "", make.NOW, Random(1), is_lasting=True)
        pauses.append(memory.troubles["1"].until)

    assert (("1",), ()) == (choice.declined, choice.fruitless)
    assert pauses[-1] - make.NOW > timedelta(minutes=2)


def test_one_items_mistake_is_its_own():
    def name_or_fail(item, is_first, attempt):
        if item.key == "1":
            raise UserError("nameTemplate: no such variable")
        return item.key

    seen = view("1", "2")
    choice = choose(seen, to_read(seen), {"1": item("1"), "2": item("2")}, name_or_fail)

    assert {"1": "nameTemplate: no such variable"} == choice.problems
    assert ["2"] == [each.claim.name for each in choice.chosen]


def test_two_items_of_one_name_are_not_both_made():
    """The template says so; the second one waits."""
    seen = view("1", "2")
    choice = choose(seen, to_read(seen), {"1": item("1"), "2": item("2")}, lambda *_: "nightly")

    assert (1, ("2",)) == (len(choice.chosen), choice.crowded)


def test_a_tick_before_the_watermark_is_handled():
    cron = spawner(when={"cron": {"schedule": "* * * * *"}})
    seen = view("20260207-0800", "20260207-0801", of=cron, ledger=ledger(watermark="20260207-0800"))

    assert ["20260207-0801"] == [key for key, _ in read(seen)]


def test_a_task_made_of_an_older_state_does_not_settle_the_newer_one():
    """A comment that was listed and could not be read yet is found even by another process."""
    asked = replace(item("1", "comment:1", EARLIER), revision="r0")
    first = view("1", of=spawner(when=ASKED))
    (found,) = choose(first, to_read(first), {"1": asked}, name_of).chosen
    known = ledger(entry("1", trigger=asked.trigger, revision=found.claim.revision))

    assert [("1", Why.ASKED_AGAIN)] == read(view("1", of=spawner(when=ASKED), ledger=known))
