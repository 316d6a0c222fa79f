"""A queue of keys where one key has one worker, however often and from wherever it is added.

add ──▶ dirty, ready ──get──▶ processing ──done──▶ gone, or ready again when it was added meanwhile
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from random import Random
from typing import Generic, Protocol, TypeVar

from kelos.cluster.pace import backoff, now
from kelos.cluster.turns import PartyOf, Turns

Key = TypeVar("Key", bound=Hashable)

FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.01, 300.0


class Meter(Protocol):
    """Who measures the queue."""

    def depth(self, keys: int) -> None: ...

    def waited(self, seconds: float) -> None: ...


class Queue(Generic[Key]):
    """`while (key := await queue.get()) is not None:` work on it, then `forget` or `retry`, and always `done`.

    With `party_of` no party's keys keep all workers from those of others.
    """

    def __init__(
        self, *, rng: Random | None = None, meter: Meter | None = None, party_of: PartyOf[Key] | None = None
    ) -> None:
        self._rng = rng or Random()
        self._meter = meter
        self._ready: Turns[Key] = Turns(party_of)
        self._idle: deque[asyncio.Future[None]] = deque()
        self._dirty: dict[Key, float] = {}
        self._processing: dict[Key, float] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._is_shut = False
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    def __len__(self) -> int:
        """Keys that wait for a worker."""
        return len(self._dirty)

    def longest_work(self) -> tuple[Key, float] | None:
        """The key that a worker has had for the longest time, and the seconds; None when nobody works."""
        key = min(self._processing, key=self._processing.__getitem__, default=None)
        return (key, now() - self._processing[key]) if key is not None else None

    def add(self, key: Key) -> None:
        """Have the key worked on; added during its own work it comes again afterwards."""
        if self._is_shut or key in self._dirty:
            return
        self._dirty[key] = now()
        if key not in self._processing:
            self._offer(key)
        self._measure_depth()

    def add_after(self, key: Key, seconds: float) -> None:
        """Add the key later; of several requests the earliest counts."""
        if self._is_shut:
            return
        if seconds <= 0:
            self.add(key)
            return
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= now() + seconds:
                return
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, self._add_due, key)

    def retry(self, key: Key, *, longest: float = LONGEST_DELAY_SECONDS) -> float:
        """Add the key after its own backoff, which doubles until `forget` or `longest`; the seconds until then."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = backoff(failures, self._rng, first=FIRST_DELAY_SECONDS, longest=longest)
        self.add_after(key, delay)
        return delay

    def forget(self, key: Key) -> None:
        """The key went well: its next failure is its first."""
        self._failures.pop(key, None)

    async def get(self) -> Key | None:
        """The next key, which no other worker has until `done`; None once the queue is shut."""
        key = await self._next()
        if key is None:
            return None
        waited_seconds = now() - self._dirty.pop(key)
        self._processing[key] = now()
        self._is_idle.clear()
        if self._meter:
            self._meter.waited(waited_seconds)
        self._measure_depth()
        return key

    def done(self, key: Key) -> None:
        """The worker is through with the key, well or not."""
        del self._processing[key]
        self._ready.done(key)
        if key in self._dirty:
            self._ready.add(key)
        self._wake()
        if not self._processing:
            self._is_idle.set()

    async def shut_down(self) -> None:
        """Hand out no more keys, and wait for those in work. What was waiting is found anew by the next process."""
        self._is_shut = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._dirty.clear()
        self._ready.clear()
        while self._idle:
            self._wake()
        await self._is_idle.wait()

    async def _next(self) -> Key | None:
        while not self._is_shut:
            key = self._ready.take(len(self._idle) + 1)
            if key is not None:
                if self._ready:
                    self._wake()
                return key
            called = asyncio.get_running_loop().create_future()
            self._idle.append(called)
            try:
                await called
            except asyncio.CancelledError:
                self._gone(called)
                raise
        return None

    def _gone(self, called: asyncio.Future[None]) -> None:
        """A worker that waits no more; if it was called just now, another one is."""
        if called in self._idle:
            self._idle.remove(called)
        else:
            self._wake()

    def _offer(self, key: Key) -> None:
        self._ready.add(key)
        self._wake()

    def _wake(self) -> None:
        """Have one worker look for a key: the one that waits for the longest time."""
        while self._idle:
            if not (called := self._idle.popleft()).done():
                called.set_result(None)
                return

    def _add_due(self, key: Key) -> None:
        del self._timers[key]
        self.add(key)

    def _measure_depth(self) -> None:
        if self._meter:
            self._meter.depth(len(self._dirty))
