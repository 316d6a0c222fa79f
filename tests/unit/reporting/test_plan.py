"""When something is owed, and when nothing is."""

from __future__ import annotations

from datetime import timedelta

import pytest

import make
import reported
from kelos.api import names
from kelos.reporting.plan import (
    GIVE_UP_DELETED_SECONDS,
    GIVE_UP_SECONDS,
    GIVEN_UP,
    SETTLE_SECONDS,
    check_due,
    comment_due,
    is_given_up,
    is_told,
)
from kelos.reporting.subject import State, Subject, is_reported, read_subject
from kelos.reporting.thread import key_of

DELETED = {"deletionTimestamp": "2026-02-07T08:10:00Z"}


def news(*subjects: Subject) -> dict[str, State]:
    due = comment_due(reported.thread(*subjects), make.NOW)
    return {subject.name: state for subject, state in due.news} if due is not None else {}


@pytest.mark.parametrize(
    ("phase", "told", "owed"),
    [
        (None, "", None),
        ("Pending", "", State.ACCEPTED),
        ("Waiting", "", State.ACCEPTED),
        ("Running", "accepted", None),
        ("Succeeded", "accepted", State.SUCCEEDED),
        ("Failed", "", State.FAILED),
        ("Succeeded", "succeeded", None),
        ("Failed", GIVEN_UP, None),
        # A cache that is behind says what is over again: nothing is taken back.
        ("Running", "failed", None),
        ("Failed", "succeeded", None),
        ("Nonsense", "", None),
    ],
)
def test_a_comment_is_owed_when_it_would_say_something_new(phase, told, owed):
    status = {"phase": phase} if phase else {}
    task = reported.subject(status=status, told={"github_report_phase": told} if told else {})

    assert ({"shop-bugs-1": owed} if owed else {}) == news(task)


def test_a_check_is_owed_for_a_commit():
    """Without a commit there is nothing to check, and no reason to keep the Task."""
    with_commit = reported.subject(checks=True, status=reported.running())
    without = reported.subject(checks=True, comments=False, told={"source_sha": ""}, status=reported.succeeded())

    due = check_due(with_commit, make.NOW)
    assert (State.ACCEPTED, False) == ((due.state, due.must_search) if due else None)
    assert (None, True) == (check_due(without, make.NOW), is_told(without))


def test_what_an_earlier_try_may_have_made_is_looked_for_once_it_has_settled():
    """A request that was on its way when its sender died must have had its effect."""
    began = (make.NOW - timedelta(seconds=10)).isoformat()
    intents = {"github_comment_intent": began, "github_check_intent": began}
    task = reported.subject(checks=True, status=reported.running(), told=intents)

    comment, check = comment_due(reported.thread(task), make.NOW), check_due(task, make.NOW)
    assert comment is not None
    assert check is not None
    assert (True, SETTLE_SECONDS - 10) == (comment.must_search, comment.wait_seconds)
    assert (True, SETTLE_SECONDS - 10) == (check.must_search, check.wait_seconds)


@pytest.mark.parametrize("intent", ["nonsense", "2026-02-07T09:00:00", "9026-02-07T09:00:00Z"])
def test_an_intent_that_makes_no_sense_holds_nobody_up(intent):
    """Another clock, or somebody's hand: it is looked for, after a minute at most."""
    due = comment_due(
        reported.thread(reported.subject(status=reported.running(), told={"github_comment_intent": intent})), make.NOW
    )

    assert due is not None
    assert due.must_search
    assert due.wait_seconds <= SETTLE_SECONDS


def test_tasks_of_one_item_share_their_comment():
    """By TaskSpawner, repository and number, whatever the case; the number any of them knows is the comment's."""
    first = reported.subject(
        "a-1",
        sticky=True,
        status=reported.succeeded(),
        told={"github_comment_id": "5", "github_report_phase": "succeeded"},
    )
    second = reported.subject(
        "a-2",
        sticky=True,
        status=reported.running(),
        told={"source_repository": "Acme/Shop"},
        created="2026-02-07T08:30:00Z",
    )
    elsewhere = reported.subject("a-3", sticky=True, status=reported.running(), told={"source_number": "2"})

    assert key_of(first) == key_of(second) != key_of(elsewhere)
    due = comment_due(reported.thread(second, first), make.NOW)
    assert due is not None
    assert (5, {"a-2"}, {"a-1", "a-2"}) == (
        due.comment_id,
        {subject.name for subject, _ in due.news},
        {subject.name for subject in due.watched},
    )


def test_a_task_without_a_spawner_has_a_comment_of_its_own():
    """Sticky shares by TaskSpawner; without one there is nothing to share by."""
    task = reported.subject(sticky=True, meta={"labels": {}}, status=reported.running())

    assert not reported.thread(task).is_sticky


@pytest.mark.parametrize(
    ("known", "is_over"),
    [
        ({"status": reported.running()}, False),
        ({"status": reported.succeeded()}, False),
        ({"status": reported.succeeded(), "told": {"github_report_phase": "succeeded"}}, True),
        ({"status": reported.succeeded(), "told": {"github_report_phase": GIVEN_UP}}, True),
        ({"status": reported.succeeded(), "comments": False}, True),
        ({"status": {}, "meta": DELETED}, True),
        ({"status": reported.running(), "meta": DELETED}, True),
        ({"status": reported.running(), "meta": DELETED, "told": {"github_report_phase": "accepted"}}, False),
        (
            {"status": reported.running(), "meta": DELETED, "told": {"github_comment_intent": "2026-02-07T08:00:00Z"}},
            False,
        ),
    ],
)
def test_a_task_may_go_when_all_is_said(known, is_over):
    """One that nobody was told of needs no obituary."""
    assert is_over == is_told(reported.subject(**known))


def test_a_check_keeps_a_task_whose_comment_is_written():
    """Channels are separate: both must be through."""
    told = {"github_report_phase": "succeeded", "github_check_report_phase": "in_progress"}

    assert not is_told(reported.subject(checks=True, status=reported.succeeded(), told=told))


def test_a_report_is_given_up_after_hours():
    """Counted from the first failure when the controller was away; while the Task runs it is always tried."""
    ended = reported.subject(status=reported.succeeded())
    hours = timedelta(seconds=GIVE_UP_SECONDS)

    assert not is_given_up(ended, make.NOW, make.NOW + hours - timedelta(seconds=1), is_hopeless=False)
    assert is_given_up(ended, make.NOW, make.NOW + hours, is_hopeless=False)
    assert is_given_up(ended, make.NOW, make.NOW, is_hopeless=True)
    runs = reported.subject(status=reported.running())
    assert not is_given_up(runs, make.NOW, make.NOW + hours * 9, is_hopeless=True)


def test_who_deletes_a_task_does_not_wait_for_hours():
    gone = reported.subject(status=reported.succeeded(), meta=DELETED)

    assert not is_given_up(gone, make.NOW, make.NOW, is_hopeless=False)
    assert is_given_up(gone, make.NOW, make.NOW + timedelta(seconds=GIVE_UP_DELETED_SECONDS), is_hopeless=False)


@pytest.mark.parametrize("junk", [None, 7, "x", [], {"annotations": None}])
def test_an_odd_task_is_read_all_the_same(junk):
    """People write annotations by hand, and old versions wrote other things: nothing of it may break a pass."""
    task = reported.manifest(status={"results": junk, "usage": junk, "diagnosis": junk, "phase": junk, "reason": junk})
    task["metadata"]["annotations"] |= dict.fromkeys((names.ANNOTATION_COMMENT_ID, names.ANNOTATION_CHECK_RUN_ID), "x")

    found = read_subject(task)
    assert (None, None, None) == (found.phase, found.told.comment_id, found.told.check_id)


def test_only_tasks_that_ask_for_it_are_reported_on():
    plain = make.task_manifest(meta={"uid": "u"})

    assert not is_reported(plain)
    assert is_reported(reported.manifest(comments=False))
    assert is_reported(reported.manifest(finalizers=()))
