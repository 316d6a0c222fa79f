"""Which ticks of a schedule are due, and what becomes of those that were missed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from kelos.api.other_sources import Cron, MissedRuns
from kelos.api.task_spawner import TaskSpawner
from kelos.schedule import Schedule, parse_schedule

MOST_TICKS = 1000
ON_TIME = timedelta(seconds=120)
"""A tick that could not be handled for so long was missed."""


def schedule_of(cron: Cron) -> Schedule:
    """Raises UserError."""
    return parse_schedule(cron.schedule, cron.time_zone or "")


def due_ticks(cron: Cron, since: datetime, now: datetime) -> tuple[datetime, ...]:
    """Ticks later than `since` that shall become Tasks now, oldest first."""
    schedule = schedule_of(cron)
    if cron.missed_runs is MissedRuns.LATEST:
        last = schedule.last_tick(since, now) if since < now else None
        return (last,) if last is not None else ()
    begin = max(since, now - ON_TIME) if cron.missed_runs is MissedRuns.SKIP else since
    ticks: list[datetime] = []
    while len(ticks) < MOST_TICKS and (tick := schedule.next_tick(begin)) is not None and tick <= now:
        ticks.append(tick)
        begin = tick
    return tuple(ticks)


def seconds_to_next(cron: Cron, now: datetime) -> float | None:
    """Until the next tick; None when there is none in the next years."""
    tick = schedule_of(cron).next_tick(now)
    return (tick - now).total_seconds() if tick is not None else None


def key_of_tick(tick: datetime) -> str:
    """The item's key; later ticks sort later."""
    return tick.astimezone(timezone.utc).strftime("%Y%m%d-%H%M")


def tick_of_key(key: str) -> datetime | None:
    """None when it is no tick's key."""
    try:
        return datetime.strptime(key, "%Y%m%d-%H%M").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def first_watermark(spawner: TaskSpawner) -> str:
    """From where on a new ledger counts ticks: what was handled without it stays handled."""
    moments = [at for at in (spawner.meta.creation_timestamp, spawner.status.last_discovery_time) if at is not None]
    return key_of_tick(max(moments)) if moments and spawner.spec.when.cron is not None else ""
