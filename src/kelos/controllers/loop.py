"""The pass every controller repeats: key → reconcile → done, again later, or again after an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from kelos.cluster.pace import now
from kelos.cluster.queue import Queue
from kelos.errors import Conflict, KelosError, NotFound, TooManyRequests, Unavailable
from kelos.telemetry.logs import one_pass

Key = TypeVar("Key", bound=Hashable)

WORKERS = 8
LAST_PASS_SECONDS = 3.0
SOONEST_SECONDS = 0.001
"""A timer may come a moment before its time by the clock: who is a nanosecond early shall not come at once again."""
LONGEST_OUTAGE_DELAY_SECONDS = 30.0
"""An API that could not be reached says nothing about the key: once it is back, nobody waits for long."""


class Log(Protocol):
    """The part of a structured logger that controllers use."""

    def info(self, event: str, **fields: object) -> object: ...

    def warning(self, event: str, **fields: object) -> object: ...

    def error(self, event: str, **fields: object) -> object: ...

    def exception(self, event: str, **fields: object) -> object: ...


class Meter(Protocol):
    """Who counts passes, by `ok`, `again`, `failed` or `broken`."""

    def passed(self, result: str, seconds: float) -> None: ...


class Loop(Generic[Key]):
    """Workers over one queue. `reconcile` returns in how many seconds to look again, or None.

    `describe` names a key's object in the log: all lines of one pass carry these fields and one `reconcile_id`.
    """

    def __init__(
        self,
        name: str,
        queue: Queue[Key],
        reconcile: Callable[[Key], Awaitable[float | None]],
        log: Log,
        *,
        describe: Callable[[Key], Mapping[str, str]],
        meter: Meter | None = None,
    ) -> None:
        self._name = name
        self._queue = queue
        self._reconcile = reconcile
        self._log = log
        self._describe = describe
        self._meter = meter

    async def run(self, workers: int = WORKERS) -> None:
        """Work until cancelled; a pass that has begun may finish, but not for long: somebody else may lead soon."""
        tasks = [asyncio.create_task(self._work()) for _ in range(workers)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._queue.shut_down(), LAST_PASS_SECONDS)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        while (key := await self._queue.get()) is not None:
            started_at = now()
            try:
                with one_pass(controller=self._name, **self._describe(key)):
                    result = await self._pass(key)
                if self._meter is not None:
                    self._meter.passed(result, now() - started_at)
            finally:
                self._queue.done(key)

    async def _pass(self, key: Key) -> str:
        try:
            again = await self._reconcile(key)
        except (Conflict, NotFound):
            self._queue.retry(key)  # somebody was faster: look again, quietly
            return "again"
        except (Unavailable, TooManyRequests) as error:
            seconds = self._queue.retry(key, longest=LONGEST_OUTAGE_DELAY_SECONDS)
            self._log.warning("Pass failed", error=str(error), again_in=seconds)
            return "failed"
        except KelosError as error:
            self._log.warning("Pass failed", error=str(error), again_in=self._queue.retry(key))
            return "failed"
        except Exception:
            self._log.exception("Pass broke", again_in=self._queue.retry(key))
            return "broken"
        self._queue.forget(key)
        if again is not None:
            self._queue.add_after(key, max(again, SOONEST_SECONDS))
        return "ok"
