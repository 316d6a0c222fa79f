"""One worker per key, backoff per key, and nothing forgotten."""

import asyncio
from itertools import pairwise
from random import Random

import pytest

from kelos.cluster.queue import LONGEST_DELAY_SECONDS, Queue

pytestmark = pytest.mark.anyio


def time() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
async def queue() -> Queue[str]:
    return Queue(rng=Random(1))


async def is_empty(queue: Queue[str], seconds: float = 0.001) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await queue.get()
    except TimeoutError:
        return True
    return False


async def test_keys_come_in_the_order_of_their_adding(queue: Queue[str]) -> None:
    """No key starves behind newer ones."""
    for key in ("a", "b", "c"):
        queue.add(key)

    assert ["a", "b", "c"] == [await queue.get() for _ in range(3)]


async def test_a_key_that_waits_is_there_once(queue: Queue[str]) -> None:
    """A hundred events make one pass."""
    for _ in range(100):
        queue.add("a")
    await queue.get()

    assert await is_empty(queue)


async def test_a_key_has_one_worker(queue: Queue[str]) -> None:
    """Two passes over one object at once would undo each other's work."""
    queue.add("a")
    await queue.get()
    queue.add("a")

    assert await is_empty(queue)
    queue.done("a")
    assert "a" == await queue.get()


async def test_a_key_that_is_done_is_gone(queue: Queue[str]) -> None:
    """Nothing changed meanwhile, so there is nothing to see."""
    queue.add("a")
    await queue.get()
    queue.done("a")

    assert await is_empty(queue)


async def test_add_after_keeps_the_earliest(queue: Queue[str]) -> None:
    """A later wish must not put off an earlier one."""
    queue.add_after("a", 60)
    queue.add_after("a", 5)
    queue.add_after("a", 300)
    await queue.get()

    assert 5 == pytest.approx(time())


async def test_add_after_a_moment_that_passed_is_now(queue: Queue[str]) -> None:
    """A TTL that ran out while the controller was down."""
    queue.add_after("a", -3)

    assert "a" == await queue.get()


async def test_failures_back_off_up_to_five_minutes(queue: Queue[str]) -> None:
    """A broken object costs little, and a passing fault is repaired at once."""
    delays = []
    for _ in range(30):
        delays.append(queue.retry("a"))
        started_at = time()
        await queue.get()
        queue.done("a")
        assert delays[-1] == pytest.approx(time() - started_at)

    assert 0.005 <= delays[0] <= 0.01
    assert all(earlier < 2.1 * later for earlier, later in pairwise(delays))
    assert LONGEST_DELAY_SECONDS / 2 <= delays[-1] <= LONGEST_DELAY_SECONDS


async def test_forget_makes_the_next_failure_the_first(queue: Queue[str]) -> None:
    """After a success the object is as good as new, and others were never affected."""
    for _ in range(20):
        queue.retry("a")

    assert queue.retry("b") <= 0.01
    queue.forget("a")
    assert queue.retry("a") <= 0.01


async def test_shutting_down_waits_for_the_work_and_hands_out_nothing(queue: Queue[str]) -> None:
    """A half-done pass ends well; what waited is found anew by the next process."""
    for key in ("a", "b"):
        queue.add(key)
    queue.add_after("c", 1)
    assert "a" == await queue.get()
    ending = asyncio.create_task(queue.shut_down())
    await asyncio.sleep(100)

    assert not ending.done()
    assert [None, None] == [await queue.get() for _ in range(2)]
    queue.add("a")
    queue.done("a")
    await ending
    assert await queue.get() is None


async def test_waiting_workers_are_sent_home(queue: Queue[str]) -> None:
    """Otherwise the process would never end."""
    workers = [asyncio.create_task(queue.get()) for _ in range(4)]
    await asyncio.sleep(1)
    await queue.shut_down()

    assert [None] * 4 == await asyncio.gather(*workers)


async def test_a_cancelled_worker_loses_no_key(queue: Queue[str]) -> None:
    """The key goes to the next worker."""
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(1)
    worker.cancel()
    await asyncio.wait({worker})
    queue.add("a")

    assert "a" == await queue.get()


async def test_the_meter_hears_depth_and_wait() -> None:
    """Operators see an overloaded controller by these two."""
    depths: list[int] = []
    waits: list[float] = []

    class Meter:
        def depth(self, keys: int) -> None:
            depths.append(keys)

        def waited(self, seconds: float) -> None:
            waits.append(seconds)

    queue: Queue[str] = Queue(rng=Random(1), meter=Meter())
    queue.add("a")
    queue.add("b")
    await asyncio.sleep(2)
    await queue.get()

    assert ([1, 2, 1], [pytest.approx(2)]) == (depths, waits)


@pytest.mark.parametrize("seed", range(20))
async def test_no_key_is_lost_and_none_is_worked_on_twice_at_once(seed: int) -> None:
    """Any mixture of adds, delays, failures and slow workers. The seed replays a failure."""
    rng = Random(seed)
    queue: Queue[int] = Queue(rng=rng)
    wanted, seen, in_work = [0] * 10, [0] * 10, set[int]()

    async def work() -> None:
        while (key := await queue.get()) is not None:
            assert key not in in_work
            in_work.add(key)
            seen[key] = wanted[key]
            await asyncio.sleep(rng.random())
            in_work.remove(key)
            if rng.random() < 0.3:
                queue.retry(key)
            else:
                queue.forget(key)
            queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(4)]
    for number in range(1, 400):
        key = rng.randrange(10)
        wanted[key] = number
        queue.add_after(key, rng.choice([0, 0, 0.5, 3]))
        await asyncio.sleep(rng.random() / 5)
    await asyncio.sleep(600)
    await queue.shut_down()
    await asyncio.gather(*workers)

    assert wanted == seen
