"""Cron expressions and their ticks, as Kubernetes CronJobs understand them, in any time zone.

A tick is every minute whose local time matches: an hour that summer time skips has none, one that it repeats has two.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from kelos.api.checks import duration_seconds, excerpt
from kelos.errors import UserError
from kelos.schedule.fields import parse_fields
from kelos.schedule.ticks import Interval, Schedule

__all__ = ["Schedule", "find_zone", "next_ticks", "parse_schedule"]

LONGEST_EXPRESSION = 256
SHORTEST_INTERVAL_SECONDS = 60

_ZONE_PREFIX = re.compile(r"(?:CRON_)?TZ=(\S*)\s+(.*)", re.DOTALL)
_ZONE_NAME = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def parse_schedule(expression: str, time_zone: str = "") -> Schedule:
    """Read five fields, a descriptor or `@every 90m`, in UTC unless a zone is given. Raises UserError."""
    if len(expression) > LONGEST_EXPRESSION:
        raise UserError(
            f"Schedule has {len(expression)} characters, the limit is {LONGEST_EXPRESSION}: make it shorter"
        )
    text = expression
    if text.startswith(("TZ=", "CRON_TZ=")):
        found = _ZONE_PREFIX.fullmatch(text)
        if not found:
            raise _refusal(expression, "must have five fields after its time zone")
        if time_zone:
            raise _refusal(expression, "must not name a time zone when 'timeZone' is set")
        time_zone, text = found[1], found[2]
        if not time_zone:
            raise _refusal(expression, "must name a time zone after 'TZ='")
    zone = find_zone(time_zone or "UTC")
    if text.startswith("@every "):
        seconds = duration_seconds(text.removeprefix("@every "), "Schedule interval")
        if seconds < SHORTEST_INTERVAL_SECONDS:
            raise _refusal(expression, f"must not be shorter than {SHORTEST_INTERVAL_SECONDS} seconds")
        return Interval(length=timedelta(seconds=seconds))
    if text.startswith("@"):
        if text not in _DESCRIPTORS:
            raise _refusal(expression, f"must be one of {', '.join(_DESCRIPTORS)} or '@every' with a duration like 90m")
        text = _DESCRIPTORS[text]
    try:
        return parse_fields(text.split(), zone)
    except ValueError as mistake:
        raise _refusal(expression, str(mistake)) from mistake


def next_ticks(expression: str, after: datetime, count: int, time_zone: str = "") -> list[datetime]:
    """Up to `count` ticks later than `after`, earliest first."""
    schedule, ticks = parse_schedule(expression, time_zone), list[datetime]()
    while len(ticks) < count and (tick := schedule.next_tick(after)):
        ticks.append(tick)
        after = tick
    return ticks


def find_zone(name: str) -> tzinfo:
    """The time zone with an IANA name, or a UserError."""
    if name == "UTC":
        return timezone.utc
    try:
        # Names in lower case are files of the machine, like `localtime`.
        if _ZONE_NAME.fullmatch(name) and name != "Local":
            return ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        pass
    raise UserError(f"Time zone '{excerpt(name)}' is not known: use an IANA name like Europe/Berlin, or UTC")


def _refusal(expression: str, mistake: str) -> UserError:
    return UserError(f"Schedule '{excerpt(expression)}' {mistake}")
