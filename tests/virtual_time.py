"""An event loop that owns its time: when everybody waits, the clock jumps to the next appointment.

Hours of backoff pass in milliseconds, and the same test takes the same path every time. Sockets work too, as long as
both ends live in this loop: what is in flight gets a moment of real time before the clock jumps.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

GRACE_SECONDS = 0.003
HANG_SECONDS = 60.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """Use it as `("asyncio", {"loop_factory": VirtualLoop})` in the fixture `anyio_backend`."""

    def __init__(self) -> None:
        self._elapsed = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._elapsed

    def jump(self, seconds: float) -> None:
        self._elapsed += seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """At once and in this thread: while another one worked, everybody here would seem to wait, and time flew."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        is_alone = len(self.get_map()) <= 1  # nothing registered but the loop's own wake-up pipe: nobody to wait for
        if timeout == 0:
            return [] if is_alone else super().select(0)
        if timeout is None:
            events = super().select(HANG_SECONDS)
            if not events:
                raise RuntimeError("everybody waits for something that nobody will do")
            return events
        events = super().select(0 if is_alone else GRACE_SECONDS)
        if not events:
            self._loop.jump(timeout)
        return events
