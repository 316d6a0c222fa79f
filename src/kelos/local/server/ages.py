"""Durations as tables show them: two units at most, fewer the longer it takes."""

from __future__ import annotations

from datetime import datetime, timezone

_UNKNOWN = "<unknown>"
_DAY = 24 * 3600
_YEAR = 365 * _DAY


def parse_time(text: object) -> datetime | None:
    """The moment of an RFC 3339 text, or None when it is none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def age(since: object, now: datetime) -> str:
    """How long ago a timestamp was."""
    moment = parse_time(since)
    return _UNKNOWN if moment is None else duration((now - moment).total_seconds())


def duration(seconds: float) -> str:
    """A length of time for people."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    if whole < 120:
        return f"{whole}s"
    if whole < 600:
        return _two(whole, 60, "m", 1, "s")
    if whole < 3 * 3600:
        return f"{whole // 60}m"
    if whole < 8 * 3600:
        return _two(whole, 3600, "h", 60, "m")
    if whole < 2 * _DAY:
        return f"{whole // 3600}h"
    if whole < 8 * _DAY:
        return _two(whole, _DAY, "d", 3600, "h")
    if whole < 2 * _YEAR:
        return f"{whole // _DAY}d"
    return _two(whole, _YEAR, "y", _DAY, "d") if whole < 8 * _YEAR else f"{whole // _YEAR}y"


def _two(seconds: int, large: int, large_unit: str, small: int, small_unit: str) -> str:
    rest = seconds % large // small
    return f"{seconds // large}{large_unit}" + (f"{rest}{small_unit}" if rest else "")
