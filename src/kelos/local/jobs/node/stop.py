"""The wish that something ends, and the moment from which it is forced."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any


class Stop:
    """`asked`: somebody wants the end; `expired`: the grace is over. Asking again can only shorten it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.expired = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, grace_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + max(grace_seconds, 0.0)
        self.asked.set()
        if self._timer is not None and self._timer.when() <= due:
            return
        self.close()
        self._timer = loop.call_at(due, self.expired.set)

    def close(self) -> None:
        """Forget the timer; the events keep what they say."""
        if self._timer is not None:
            self._timer.cancel()

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the end is wanted."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.asked.wait(), seconds)


async def either(first: asyncio.Future[Any], event: asyncio.Event) -> None:
    """Wait for the first of two; the future goes on whatever happens."""
    waiting: asyncio.Future[Any] = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({first, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
