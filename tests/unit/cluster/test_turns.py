"""No party keeps all workers from the others, and none is idle for nothing."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from kelos.cluster.queue import Queue
from kelos.cluster.turns import Turns, may_have_another

pytestmark = pytest.mark.anyio

WORKERS = 64


def party_of(key: str) -> str:
    return key.split("/")[0]


def turns(*keys: str) -> Turns[str]:
    found: Turns[str] = Turns(party_of)
    for key in keys:
        found.add(key)
    return found


def taken(waiting: Turns[str], workers: int = WORKERS) -> list[str]:
    """What that many workers take who are never done."""
    found: list[str] = []
    while (key := waiting.take(workers - len(found))) is not None:
        found.append(key)
    return found


@pytest.mark.parametrize(("greedy", "most"), [(1, 43), (2, 26), (5, 12), (100, 1)])
def test_a_newcomer_finds_a_worker_however_many_want_all_of_them(greedy, most):
    """Their servers may let each look last for two minutes."""
    waiting = turns(*(f"greedy-{party}/{n}" for party in range(greedy) for n in range(100)))
    had = taken(waiting)
    waiting.add("small/1")

    assert most == max(Counter(map(party_of, had)).values())
    assert greedy >= WORKERS or "small/1" == waiting.take(WORKERS - len(had))


def test_parties_take_turns_and_each_keeps_its_order():
    """A thousand keys of one do not stand before the first of another."""
    assert ["a/1", "b/1", "a/2", "b/2", "a/3"] == taken(turns("a/1", "a/2", "a/3", "b/1", "b/2"))


def test_without_parties_all_workers_are_for_whoever_comes_first():
    waiting: Turns[str] = Turns()
    for n in range(100):
        waiting.add(f"a/{n}")

    assert [f"a/{n}" for n in range(WORKERS)] == [waiting.take(WORKERS - n) for n in range(WORKERS)]


def test_one_worker_is_enough_for_everybody():
    assert may_have_another(0, 0)
    assert not may_have_another(1, 0)


async def test_a_party_that_had_enough_goes_on_when_it_is_done_with_something():
    """Nothing is forgotten while it waits."""
    queue: Queue[str] = Queue(party_of=party_of)
    keys = {f"a/{n}" for n in range(200)}
    done: set[str] = set()
    all_done = asyncio.Event()
    at_once, most = 0, 0

    async def work() -> None:
        nonlocal at_once, most
        while (key := await queue.get()) is not None:
            at_once, most = at_once + 1, max(most, at_once + 1)
            await asyncio.sleep(0.001)
            at_once -= 1
            done.add(key)
            queue.done(key)
            if done == keys:
                all_done.set()

    workers = [asyncio.create_task(work()) for _ in range(8)]
    for key in keys:
        queue.add(key)
    async with asyncio.timeout(10):
        await all_done.wait()
    await queue.shut_down()
    await asyncio.gather(*workers)

    assert 6 == most


async def test_a_worker_that_goes_away_takes_nobodys_turn():
    """It was called, and cancelled before it came."""
    queue: Queue[str] = Queue(party_of=party_of)
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await asyncio.sleep(0)
    queue.add("a/1")
    first.cancel()
    async with asyncio.timeout(1):
        assert "a/1" == await second
