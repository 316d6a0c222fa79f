"""The pass every controller repeats: key → reconcile → done, again later, or again after an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from kelos.cluster.queue import Queue
from kelos.errors import ClusterError, Conflict, KelosError, NotFound

Key = TypeVar("Key", bound=Hashable)

WORKERS = 8
LAST_PASS_SECONDS = 3.0


class Log(Protocol):
    """The part of a structured logger that the loop uses."""

    def warning(self, event: str, **fields: object) -> object: ...

    def error(self, event: str, **fields: object) -> object: ...

    def exception(self, event: str, **fields: object) -> object: ...


class Loop(Generic[Key]):
    """Workers over one queue. `reconcile` returns in how many seconds to look again, or None."""

    def __init__(
        self, name: str, queue: Queue[Key], reconcile: Callable[[Key], Awaitable[float | None]], log: Log
    ) -> None:
        self._name = name
        self._queue = queue
        self._reconcile = reconcile
        self._log = log

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
            try:
                await self._pass(key)
            finally:
                self._queue.done(key)

    async def _pass(self, key: Key) -> None:
        try:
            again = await self._reconcile(key)
        except (Conflict, NotFound):
            self._queue.retry(key)  # somebody was faster: look again, quietly
        except (ClusterError, KelosError) as error:
            seconds = self._queue.retry(key)
            self._log.warning("Pass failed", controller=self._name, key=str(key), error=str(error), again_in=seconds)
        except Exception:
            seconds = self._queue.retry(key)
            self._log.exception("Pass broke", controller=self._name, key=str(key), again_in=seconds)
        else:
            self._queue.forget(key)
            if again is not None:
                self._queue.add_after(key, again)
