"""How long a process works: until a signal, or until its parent is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Coroutine
from typing import Any


async def until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run until it ends or SIGINT or SIGTERM comes; then it is cancelled and may tidy up."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await _until(stop, work)


async def until_stdin_closes(work: Coroutine[Any, Any, None]) -> None:
    """The same, and also until standard input is closed: a parent that dies takes us along."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def wait_for_the_end() -> None:
        while os.read(0, 65536):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    await _until(stop, work)


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return
