"""When something becomes due by itself, and which ticks of a schedule are owed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from kelos.spawning.cron import key_of_tick, tick_of_key
from kelos.spawning.rerun import retry_at
from kelos.spawning.view import SpawnerView

SOONEST_SECONDS = 0.1
GIVEN_UP_AFTER = timedelta(days=1)
SMALLEST_STEP = timedelta(minutes=1)
"""Between two ticks."""
CLOCKS_DIFFER_BY = timedelta(hours=1)
"""At most; a watermark further ahead was written by a clock that was wrong."""


def next_moment(view: SpawnerView) -> float | None:
    """Seconds until an item may be tried again; None when none has to."""
    moments = [trouble.until for trouble in view.troubles.values()]
    if view.spawner.spec.retry_policy.max_retries:
        entries = (view.ledger.find(key) for key, task in view.newest.items() if task.has_failed)
        moments += [at for entry in entries if entry is not None and (at := retry_at(entry, view.spawner.spec))]
    ahead = [seconds for at in moments if (seconds := (at - view.now).total_seconds()) > 0]
    return max(SOONEST_SECONDS, min(ahead)) if ahead else None


def next_watermark(view: SpawnerView, claimed: Collection[str]) -> str:
    """Up to which tick everything is claimed or handled; one in trouble stays for a day. Empty without a schedule."""
    if view.spawner.spec.when.cron is None:
        return ""
    ledger, reached = view.ledger, ""
    for key in sorted(sighting.key for sighting in view.discovery.sightings or ()):
        is_done = key in claimed or key in ledger.head.claims or ledger.is_handled(key)
        tick = tick_of_key(key)
        if not is_done and (tick is None or view.now - tick < GIVEN_UP_AFTER or key not in view.troubles):
            break
        reached = key
    return reached if reached > ledger.head.watermark else ""


def new_watermark(view: SpawnerView) -> str:
    """Where a schedule begins anew: now, when it took the place of another source, or was said to be handled up to a
    day that has not come. What it handled it still knows. Empty when all is well."""
    if view.spawner.spec.when.cron is None:
        return ""
    reached = tick_of_key(view.ledger.head.watermark)
    is_sound = reached is not None and reached <= view.now + CLOCKS_DIFFER_BY
    return "" if is_sound else key_of_tick(view.now)


def watermark_before(view: SpawnerView, released: Collection[str]) -> str:
    """Where a schedule goes on so that ticks whose claims are given back come again, as its policy for missed ones has
    it: what refused a Task, a quota, a policy or a name that is taken, may be mended the next minute. Empty when there
    are none, as where the tick had a Task before: it is owed without this."""
    ticks = [tick_of_key(key) for key in released if not view.ledger.is_handled(key)]
    found = [tick for tick in ticks if tick is not None and view.now - tick < GIVEN_UP_AFTER]
    if not found or view.spawner.spec.when.cron is None:
        return ""
    before = key_of_tick(min(found) - SMALLEST_STEP)
    return before if before < view.ledger.head.watermark else ""


def owed(view: SpawnerView) -> tuple[str, ...]:
    """Items before the watermark that still need a Task: claimed and not made, or failed and to be tried again."""
    claimed = [key for key, claim in view.ledger.head.claims.items() if claim.name in view.absent]
    if not view.spawner.spec.retry_policy.max_retries:
        return tuple(claimed)
    failed = []
    recent = dict.fromkeys((*view.ledger.head.entries, *(key for key, task in view.newest.items() if task.has_failed)))
    for key in recent:
        entry = view.ledger.find(key)
        if entry is not None and retry_at(entry, view.spawner.spec) is not None:
            failed.append(key)
    return (*claimed, *failed)
