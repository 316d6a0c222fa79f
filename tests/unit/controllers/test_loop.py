"""What a loop makes of errors."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from kelos.cluster.queue import Queue
from kelos.controllers.loop import LONGEST_OUTAGE_DELAY_SECONDS, Loop
from kelos.errors import Forbidden, TooManyRequests, Unavailable
from virtual_time import VirtualLoop
from world import SilentLog

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


async def longest_pause(error, seconds):
    """Between two passes over a key that fails for so long."""
    times = []

    async def reconcile(key):
        times.append(asyncio.get_running_loop().time())
        raise error

    queue = Queue()
    queue.add("a")
    running = asyncio.create_task(Loop("test", queue, reconcile, SilentLog(), describe=lambda key: {"key": key}).run(1))
    await asyncio.sleep(seconds)
    running.cancel()
    await asyncio.wait({running})
    return max(later - earlier for earlier, later in pairwise(times))


@pytest.mark.parametrize("error", [Unavailable("connection refused"), TooManyRequests("slow down")])
async def test_after_an_outage_of_any_length_every_key_is_soon_looked_at(error):
    """A cancel that came meanwhile must not wait for minutes."""
    assert await longest_pause(error, 3600) <= LONGEST_OUTAGE_DELAY_SECONDS + 0.01


async def test_an_error_about_the_key_itself_is_repeated_more_rarely():
    assert await longest_pause(Forbidden("no"), 3600) > 2 * LONGEST_OUTAGE_DELAY_SECONDS


async def test_who_asks_to_come_again_at_once_lets_some_time_pass_first():
    """A timer that is early by a rounding error would else be early for ever, and a processor busy with it."""
    times = []

    async def reconcile(key):
        times.append(asyncio.get_running_loop().time())
        return (0.0, 1e-10, -1.0)[len(times)] if len(times) < 3 else None

    queue = Queue()
    queue.add("a")
    running = asyncio.create_task(Loop("test", queue, reconcile, SilentLog(), describe=lambda key: {"key": key}).run(1))
    await asyncio.sleep(1)
    running.cancel()
    await asyncio.wait({running})
    assert 3 == len(times)
    assert all(later > earlier for earlier, later in pairwise(times))
