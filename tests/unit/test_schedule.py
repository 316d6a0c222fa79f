"""Schedules mean what they mean in a Kubernetes CronJob; the answers of its parser are recorded in files."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kelos.errors import UserError
from kelos.schedule import find_zone, next_ticks, parse_schedule

DATA = Path(__file__).parents[1] / "data"


def cases(name):
    return [
        pytest.param(case, id=f"{case['schedule']} {case['from']}")
        for case in json.loads((DATA / name).read_text())["cases"]
    ]


def at(text):
    return datetime.fromisoformat(text)


def words(ticks):
    return [tick.isoformat().replace("+00:00", "Z") for tick in ticks]


@pytest.mark.parametrize("case", [*cases("cron.json"), *cases("cron-more.json")])
def test_a_schedule_ticks_when_a_cron_job_would(case):
    """A manifest written for the reference keeps its hours, on the days when the clock changes as well."""
    expected = case.get("next") or []
    if "error" in case:
        with pytest.raises(UserError, match=r"^(Schedule|Time zone) "):
            parse_schedule(case["schedule"])
        return

    assert expected == words(next_ticks(case["schedule"], at(case["from"]), max(len(expected), 1)))


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("TZ=Australia/Lord_Howe 45 1 * * *", "2026-10-03T10:00:00Z", ["2026-10-03T15:15:00Z", "2026-10-04T14:45:00Z"]),
        ("TZ=Australia/Lord_Howe 15 2 * * *", "2026-04-04T10:00:00Z", ["2026-04-04T15:45:00Z", "2026-04-05T15:45:00Z"]),
        ("TZ=Pacific/Chatham 45 3 * * *", "2026-04-04T10:00:00Z", ["2026-04-04T15:00:00Z", "2026-04-05T15:00:00Z"]),
        ("TZ=Africa/Cairo 0 1 * * 5", "2026-04-23T12:00:00Z", ["2026-04-23T22:00:00Z", "2026-04-30T22:00:00Z"]),
    ],
)
def test_a_clock_may_change_by_half_an_hour_or_at_midnight(schedule, after, expected):
    """Here Go's parser misses a day, ticks at another hour or stands still; we keep to the rule."""
    assert expected == words(next_ticks(schedule, at(after), 2))


FIELDS = st.tuples(
    st.sampled_from(["*", "*/20", "30", "0,45", "59"]),
    st.sampled_from(["*", "0-3", "23", "1,2", "*/6"]),
    st.sampled_from(["*", "*", "1", "25-31", "*/2"]),
    st.sampled_from(["*", "*", "3,10", "feb"]),
    st.sampled_from(["*", "*", "0", "mon-fri"]),
).map(" ".join)
ZONES = st.sampled_from(["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "America/Havana"])
# A day before and after a change of some clock, and days of none.
MOMENTS = st.builds(
    lambda day, minutes: at(f"{day}T00:00:30Z") + timedelta(minutes=minutes),
    st.sampled_from(["2026-03-07", "2026-03-08", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31"]),
    st.integers(0, 2 * 24 * 60),
)


@settings(max_examples=60)
@given(FIELDS, ZONES, MOMENTS)
def test_ticks_are_exactly_the_minutes_whose_local_time_matches(expression, zone, after):
    """No minute is skipped and none is invented, whatever the clocks do."""
    anywhere, schedule = parse_schedule(expression), parse_schedule(expression, zone)
    minutes = [after.replace(second=0) + timedelta(minutes=minute) for minute in range(1, 2 * 24 * 60)]
    local = [minute.astimezone(ZoneInfo(zone)).replace(tzinfo=timezone.utc) for minute in minutes]
    matching, tick = set(), anywhere.next_tick(min(local) - timedelta(minutes=1))
    while tick is not None and tick <= max(local):
        matching.add(tick)
        tick = anywhere.next_tick(tick)
    expected = [minute for minute, shown in zip(minutes, local, strict=True) if shown in matching]

    assert expected == next_ticks(expression, after, len(expected), zone)
    assert expected[-1:] == [tick for tick in [schedule.last_tick(after, minutes[-1])] if tick]


def test_the_last_of_very_many_ticks_is_found_at_once():
    """A spawner that was suspended for a century may ask what it missed last."""
    until = at("2126-01-01T00:00:30Z")

    assert at("2126-01-01T00:00:00Z") == parse_schedule("* * * * *").last_tick(at("2026-01-01T00:00:00Z"), until)
    assert at("2124-02-29T00:00:00Z") == parse_schedule("0 0 29 2 *").last_tick(at("2026-01-01T00:00:00Z"), until)
    assert at("2125-12-31T23:30:00Z") == parse_schedule("@every 90m").last_tick(at("2025-12-31T23:30:00Z"), until)
    assert parse_schedule("0 0 30 2 *").last_tick(at("2026-01-01T00:00:00Z"), until) is None


def test_a_zone_beside_the_schedule_counts_like_one_in_it():
    """The field is ours, the prefix is Go's."""
    after = at("2026-07-01T00:00:00Z")

    assert ["2026-07-01T07:00:00Z"] == words(next_ticks("0 9 * * *", after, 1, "Europe/Berlin"))
    assert ["2026-07-01T07:00:00Z"] == words(next_ticks("CRON_TZ=Europe/Berlin 0 9 * * *", after, 1))


@pytest.mark.parametrize(
    ("schedule", "zone", "sentence"),
    [
        ("TZ=UTC 0 9 * * *", "UTC", "Schedule 'TZ=UTC 0 9 * * *' must not name a time zone when 'timeZone' is set"),
        ("TZ=UTC", "", "Schedule 'TZ=UTC' must have five fields after its time zone"),
        ("TZ= 0 9 * * *", "", "Schedule 'TZ= 0 9 * * *' must name a time zone after 'TZ='"),
        (", 9 * * *", "", "Schedule ', 9 * * *' must have a value in the field of the minute"),
        (
            "0 9 * * 7",
            "",
            "Schedule '0 9 * * 7' must have the day of week between 0 and 6, not '7'",
        ),
        (
            "0 9 * * 5-1",
            "",
            "Schedule '0 9 * * 5-1' must have the day of week between 0 and 6, the smaller one first, not '5-1'",
        ),
        ("@every 30s", "", "Schedule '@every 30s' must not be shorter than 60 seconds"),
        ("@every soon", "", "Schedule interval 'soon' is not a duration: write it like 90s, 30m or 1h30m"),
        ("1" * 300, "", "Schedule has 300 characters, the limit is 256: make it shorter"),
        (
            "0\x1b[2J9 9 * *",
            "",
            "Schedule '0?[2J9 9 * *' must have five fields (minute hour day month weekday), it has 4",
        ),
    ],
)
def test_a_refusal_says_what_is_allowed(schedule, zone, sentence):
    """It becomes the condition of a TaskSpawner, so it is one line of plain text."""
    with pytest.raises(UserError) as refused:
        parse_schedule(schedule, zone)

    assert sentence == str(refused.value)


@pytest.mark.parametrize(
    "name", ["", "Local", "localtime", "../UTC", "/etc/passwd", "Europe", "right/UTC", "A" * 300, "Europe/\0"]
)
def test_only_names_of_zones_are_looked_up(name):
    """A zone is a file on the machine; no other file is one."""
    with pytest.raises(UserError, match=r"^Time zone '.*' is not known: use an IANA name"):
        find_zone(name)


def test_the_calendar_ends():
    """No date is so late that asking for the next one breaks a pass."""
    last = datetime(9999, 12, 31, 23, 59, tzinfo=timezone.utc)

    assert [] == next_ticks("0 0 1 1 *", last, 1)
    assert [] == next_ticks("TZ=Asia/Tokyo 0 0 1 1 *", last, 1)
    assert [] == next_ticks("@every 24h", last, 1)
