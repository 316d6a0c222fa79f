"""The event loop of the simulations: its time depends on nothing but what the program waits for."""

from __future__ import annotations

import asyncio
import time

import pytest

from virtual_time import VirtualLoop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


async def test_hours_pass_at_once():
    before = asyncio.get_running_loop().time()

    await asyncio.sleep(3600)

    assert 3600 == asyncio.get_running_loop().time() - before


async def test_no_time_passes_while_a_thread_works():
    """A signature takes the machine what it takes: it is no hour of a simulation in which others wait for seconds."""
    loop, others = asyncio.get_running_loop(), asyncio.create_task(_tick())
    await asyncio.sleep(0.5)

    answer = await asyncio.to_thread(lambda: (time.sleep(0.05), "signed")[1])

    assert ("signed", 0.5) == (answer, loop.time())
    others.cancel()


async def test_a_thread_that_fails_fails_here():
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(lambda: 1 // 0)


async def _tick() -> None:
    while True:  # noqa: ASYNC110 -- somebody for whom the clock would jump
        await asyncio.sleep(1)
