"""Look at sources: in time, with patience for those that fail, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TypeVar

from kelos.api.task_spawner import TaskSpawner
from kelos.controllers.loop import Log
from kelos.controllers.task_spawner.memory import Memory
from kelos.controllers.task_spawner.parts import Tally
from kelos.errors import KelosError, RateLimited, RemoteError, UserError
from kelos.sources.protocol import Source
from kelos.spawning.cron import seconds_to_next

Answer = TypeVar("Answer")

LONGEST_LOOK_SECONDS = 120.0
LONGEST_READ_SECONDS = 60.0
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 10.0, 900.0
LONGEST_SLEEP_SECONDS = 600.0
"""A wall clock may be set while a schedule waits."""
JITTER = 0.05


async def in_time(deed: Awaitable[Answer], seconds: float, what: str) -> Answer:
    """Raises RemoteError when it lasts too long."""
    try:
        async with asyncio.timeout(seconds):
            return await deed
    except TimeoutError:
        raise RemoteError(f"{what} gave no answer within {seconds:.0f} seconds") from None


@contextmanager
def mistakes_told(log: Log, **fields: str) -> Iterator[None]:
    """A mistake of ours, brought to light by text of others, must not keep what it does not concern, nor be told to the
    log alone: it becomes a UserError."""
    try:
        yield
    except KelosError:
        raise
    except Exception as mistake:
        log.exception("Source broke", **fields)
        name = type(mistake).__name__
        raise UserError(f"an error in Kelos itself ({name}); the controller's log says more") from mistake


@dataclass(frozen=True, slots=True, kw_only=True)
class Scout:
    """Looks when it is time, and says when the next time is."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    rng: Random
    tally: Tally
    log: Log

    def is_due(self, memory: Memory) -> bool:
        return memory.due_at <= self.monotonic()

    async def look(self, spawner: TaskSpawner, build: Awaitable[Source], memory: Memory) -> Source | None:
        """One look, remembered; None when it failed. The source it was is good for reading items."""
        began_at = self.monotonic()
        try:
            with mistakes_told(self.log):
                source = await in_time(build, LONGEST_LOOK_SECONDS, "What the source needs to sign in")
                listing = await in_time(source.look(), LONGEST_LOOK_SECONDS, "The source")
        except (UserError, RemoteError) as error:
            self.tally.look_failed(self.monotonic() - began_at)
            self.failed(spawner, error, memory)
            return None
        memory.saw(listing, self.now())
        memory.due_at = self.monotonic() + self._interval(spawner)
        self.tally.looked(len(listing.sightings), self.monotonic() - began_at)
        return source

    def failed(self, spawner: TaskSpawner, error: UserError | RemoteError, memory: Memory) -> None:
        """The usual interval stays, and becomes longer for a source that keeps failing."""
        memory.failed(str(error), is_for_people=isinstance(error, UserError))
        failures = memory.discovery.failures
        ceiling = max(LONGEST_BACKOFF_SECONDS, self._interval(spawner))
        seconds = min(ceiling, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 20)) * self.rng.uniform(0.5, 1.0)
        if isinstance(error, RateLimited):
            seconds += max(0.0, (error.retry_at - self.now()).total_seconds())
        memory.due_at = self.monotonic() + seconds

    def _interval(self, spawner: TaskSpawner) -> float:
        cron = spawner.spec.when.cron
        if cron is not None:
            seconds = seconds_to_next(cron, self.now())
            return min(LONGEST_SLEEP_SECONDS, seconds + 0.05 if seconds is not None else LONGEST_SLEEP_SECONDS)
        return spawner.spec.poll_seconds * self.rng.uniform(1.0 - JITTER, 1.0 + JITTER)
