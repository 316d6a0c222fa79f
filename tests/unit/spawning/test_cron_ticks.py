"""Which ticks of a schedule become Tasks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from kelos.api.other_sources import Cron
from kelos.spawning.cron import due_ticks, first_watermark, key_of_tick, seconds_to_next, tick_of_key
from spawning import spawner

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
