"""Which ticks of a schedule become Tasks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from kelos.api.other_sources import Cron
from kelos.spawning.cron import due_ticks, first_watermark, key_of_tick, seconds_to_next, tick_of_key
from kelos.spawning.housekeeping import housekeeping
from kelos.spawning.ledger.entry import encode_entry
from kelos.spawning.moments import next_watermark, owed
from kelos.spawning.view import Trouble
from spawning import claim, entry, ledger, spawner, task, view

NOW = datetime(2026, 2, 7, 9, 0, 30, tzinfo=timezone.utc)


def due(missed: str, since: datetime, schedule: str = "0 * * * *", zone: str | None = None) -> list[str]:
    cron = Cron(schedule=schedule, missed_runs=missed, time_zone=zone)
    return [key_of_tick(tick) for tick in due_ticks(cron, since, NOW)]


@pytest.mark.parametrize("missed", ["Skip", "Latest", "All"])
def test_a_tick_on_time_is_due_whatever_the_policy(missed):
    assert ["20260207-0900"] == due(missed, NOW - timedelta(minutes=30))


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        ("Skip", ["20260207-0900"]),
        ("Latest", ["20260207-0900"]),
        ("All", ["20260207-0700", "20260207-0800", "20260207-0900"]),
    ],
)
def test_the_policy_decides_about_missed_ticks(missed, expected):
    assert expected == due(missed, NOW - timedelta(hours=3))


def test_what_was_missed_is_made_up_for_once_or_not_at_all():
    """At half past nobody is on time any more."""
    assert ["20260207-0840"] == due("Latest", NOW - timedelta(hours=5), "40 * * * *")
    assert [] == due("Skip", NOW - timedelta(hours=5), "40 * * * *")


def test_years_of_minutes_are_bounded():
    assert 1000 == len(due("All", NOW - timedelta(days=900), "* * * * *"))
    assert ["20260207-0900"] == due("Latest", NOW - timedelta(days=900), "* * * * *")


def test_a_clock_that_was_set_back_makes_nothing_twice():
    assert [] == due("All", NOW + timedelta(hours=1))
    assert [] == due("Latest", NOW + timedelta(hours=1))


def test_a_time_zone_moves_the_tick_not_its_key():
    assert ["20260207-0900"] == due("Latest", NOW - timedelta(days=1), "0 10 * * *", "Europe/Berlin")


def test_the_next_tick_is_known():
    assert 3570.0 == seconds_to_next(Cron(schedule="0 * * * *"), NOW)
    assert seconds_to_next(Cron(schedule="0 0 30 2 *"), NOW) is None


def test_keys_and_ticks_are_the_same():
    assert "20260207-0900" == key_of_tick(NOW)
    assert NOW.replace(second=0) == tick_of_key("20260207-0900")
    assert tick_of_key("ENG-42") is None


def test_a_schedule_begins_when_it_was_made():
    assert "20260207-0800" == first_watermark(spawner(when={"cron": {"schedule": "* * * * *"}}))
    assert "" == first_watermark(spawner())


TICKS = ("20260207-0858", "20260207-0859", "20260207-0900")


def reached(*claimed: str, known=None, of=None, **facts) -> str:
    cron = spawner(when={"cron": {"schedule": "* * * * *", "missedRuns": "All"}})
    known = known or ledger(watermark="20260207-0857")
    return next_watermark(view(*TICKS, of=of or cron, ledger=known, **facts), set(claimed))


def test_the_watermark_goes_as_far_as_everything_is_claimed():
    """A tick that could not be claimed is not passed by later ones."""
    assert "20260207-0900" == reached(*TICKS)
    assert "20260207-0858" == reached(TICKS[0], TICKS[2])
    assert "" == reached(TICKS[2])


def test_what_was_claimed_or_made_before_counts():
    known = ledger(entry(TICKS[0]), claims=(claim(TICKS[1]),), watermark="20260207-0857")

    assert "20260207-0900" == reached(TICKS[2], known=known)


def test_a_tick_that_is_in_trouble_for_a_day_is_given_up():
    """It shall not keep a thousand later ones from being seen."""
    trouble = {TICKS[0]: Trouble(message="no such variable", until=NOW)}
    seen = view(*TICKS, of=spawner(when={"cron": {"schedule": "* * * * *"}}), troubles=trouble, ledger=ledger())

    assert "" == next_watermark(seen, {TICKS[1], TICKS[2]})
    assert "20260207-0900" == next_watermark(replace(seen, now=NOW + timedelta(days=2)), {TICKS[1], TICKS[2]})


def anew(*refused: str, of=None, entries=(), now=NOW, watermark=TICKS[-1]) -> str:
    """Where the schedule goes on after these ticks, all of them claimed, were refused."""
    troubles = {key: Trouble(message="exceeded quota", until=NOW, is_refused=True) for key in refused}
    known = ledger(*entries, claims=tuple(claim(key) for key in refused), watermark=watermark)
    cron = spawner(when={"cron": {"schedule": "* * * * *"}})
    absent = frozenset(f"triage-{key}" for key in refused)
    seen = view(*TICKS, of=of or cron, ledger=known, troubles=troubles, absent=absent)
    changes = housekeeping(replace(seen, now=now)).changes
    assert set(refused) == set(changes.released)
    return changes.begins_anew_at


def test_a_tick_whose_task_was_refused_comes_again():
    """It was passed when it was claimed; a quota may have room the next minute."""
    assert "20260207-0859" == anew("20260207-0900")
    assert "20260207-0857" == anew(TICKS[0], TICKS[2])


def test_a_refused_tick_passes_no_earlier_one_that_still_waits():
    assert "" == anew(TICKS[2], watermark="20260207-0856")


def test_a_tick_that_somebody_else_claimed_just_now_is_his():
    """The last look did not list it: it was not due then."""
    known = ledger(claims=(claim(TICKS[2]),), watermark=TICKS[2])
    cron = spawner(when={"cron": {"schedule": "* * * * *"}})

    assert not housekeeping(view(TICKS[0], of=cron, ledger=known, absent=frozenset({f"triage-{TICKS[2]}"})))


def test_a_refused_tick_that_nothing_helps_is_given_up_after_a_day():
    assert "" == anew(TICKS[0], now=NOW + timedelta(days=2))


def test_a_refused_attempt_after_a_failure_is_owed_anyhow():
    """Its tick is handled; the schedule need not go back."""
    assert "" == anew(TICKS[0], entries=(entry(TICKS[0]),))


def test_issues_that_were_refused_are_listed_again_anyhow():
    assert "" == anew("20260207-0900", of=spawner())


def test_issues_have_no_watermark():
    assert "" == reached(*TICKS, of=spawner())


@pytest.mark.parametrize(
    ("watermark", "expected"),
    [
        ("", "20260207-0900"),
        ("20270207-0900", "20260207-0900"),
        ("20260207-0930", ""),
        ("20250207-0900", ""),
    ],
    ids=["it looked at issues before", "a clock was a year ahead", "a clock was set back a little", "an outage"],
)
def test_a_schedule_begins_anew_where_its_watermark_makes_no_sense(watermark, expected):
    """It would make up for all of its TaskSpawner's life, or say nothing for a year."""
    every_minute = spawner(when={"cron": {"schedule": "* * * * *"}})
    seen = replace(view(of=every_minute, ledger=ledger(watermark=watermark)), now=NOW)

    assert expected == housekeeping(seen).changes.begins_anew_at
    assert not housekeeping(replace(seen, spawner=spawner()))


def test_a_failed_tick_is_owed_even_when_its_entry_is_in_an_older_segment():
    failed_at = NOW - timedelta(minutes=5)
    known = ledger(watermark="20260207-0858")
    older = {TICKS[0]: encode_entry(entry(TICKS[0], failed_at=failed_at))}
    seen = view(
        of=spawner(when={"cron": {"schedule": "* * * * *"}}, retryPolicy={"maxRetries": 1}),
        ledger=replace(known, older=(older,)),
        tasks=(task(TICKS[0], is_finished=True, has_failed=True, ended_at=failed_at),),
    )

    assert (TICKS[0],) == owed(seen)
