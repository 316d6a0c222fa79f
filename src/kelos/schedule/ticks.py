"""When something is due: the two kinds of schedules, and their ticks."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Protocol

YEARS_AHEAD = 5  # a schedule without a tick in them has none

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


class Schedule(Protocol):
    """When something is due."""

    def next_tick(self, after: datetime) -> datetime | None:
        """The first tick later than `after`, in UTC; None when there is none in the next years."""
        ...

    def last_tick(self, after: datetime, until: datetime) -> datetime | None:
        """The latest tick later than `after` and not later than `until`, however many lie between."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A tick every so often, counted from the one before."""

    length: timedelta

    def next_tick(self, after: datetime) -> datetime | None:
        """See Schedule."""
        try:
            return after.astimezone(timezone.utc).replace(microsecond=0) + self.length
        except OverflowError:
            return None

    def last_tick(self, after: datetime, until: datetime) -> datetime | None:
        """See Schedule."""
        start = after.astimezone(timezone.utc).replace(microsecond=0)
        count = (until - start) // self.length
        return start + count * self.length if count > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Five fields in a time zone. `day_needs_both` tells whether a day must be in both of its fields or in any."""

    minutes: tuple[int, ...]  # of the day
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    day_needs_both: bool
    zone: tzinfo

    def next_tick(self, after: datetime) -> datetime | None:
        """See Schedule."""
        try:
            return self._search(after.astimezone(timezone.utc).replace(second=0, microsecond=0) + _MINUTE)
        except OverflowError:
            return None  # the end of the calendar

    def last_tick(self, after: datetime, until: datetime) -> datetime | None:
        """See Schedule."""
        start, width, found = until, timedelta(hours=1), None
        while found is None and start > after:
            # Each window is looked at once more by the next one, which is much wider.
            start, width = max(after, until - width) if until - after > width else after, width * 16
            tick = self.next_tick(start)
            while tick is not None and tick <= until:
                found, tick = tick, self.next_tick(tick)
        return found

    def _search(self, at: datetime) -> datetime | None:
        last_year = at.astimezone(self.zone).year + YEARS_AHEAD
        while True:
            local = at.astimezone(self.zone)
            day = self._next_day(local.date(), last_year)
            if day is None:
                return None
            # Two days before it no change of the clock can have come between.
            if (days_ahead := (day - local.date()).days) > 2:
                at += (days_ahead - 2) * _DAY
                continue
            start = local.replace(tzinfo=None)
            offset = at - start.replace(tzinfo=timezone.utc)
            end = datetime.combine(local.date() + _DAY, time())
            change = self._change_of_clock(at, end.replace(tzinfo=timezone.utc) + offset)
            if change is not None:
                end = (change - offset).replace(tzinfo=None)
            if day == local.date() and (tick := self._first_between(start, end)):
                return tick.replace(tzinfo=timezone.utc) + offset
            at = change or end.replace(tzinfo=timezone.utc) + offset

    def _next_day(self, day: date, last_year: int) -> date | None:
        while day.year <= last_year:
            if day.month not in self.months:
                day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
            elif self._has_day(day):
                return day
            else:
                day += _DAY
        return None

    def _has_day(self, day: date) -> bool:
        is_day, is_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (is_day and is_weekday) if self.day_needs_both else (is_day or is_weekday)

    def _first_between(self, start: datetime, end: datetime) -> datetime | None:
        """The first matching local time of the day that `start` is in, before `end`."""
        index = bisect_left(self.minutes, start.hour * 60 + start.minute)
        if index == len(self.minutes):
            return None
        tick = datetime.combine(start.date(), time()) + self.minutes[index] * _MINUTE
        return tick if tick < end else None

    def _change_of_clock(self, start: datetime, end: datetime) -> datetime | None:
        """The first minute in UTC, after `start` and not after `end`, from which the offset is another one."""
        offset = start.astimezone(self.zone).utcoffset()
        if end.astimezone(self.zone).utcoffset() == offset:
            return None
        low, high = 0, -((start - end) // _MINUTE)
        while high - low > 1:
            middle = (low + high) // 2
            if (start + middle * _MINUTE).astimezone(self.zone).utcoffset() == offset:
                low = middle
            else:
                high = middle
        return start + high * _MINUTE
