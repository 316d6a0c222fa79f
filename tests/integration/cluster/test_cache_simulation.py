"""Any sequence of changes and faults ends with the cache equal to the server, and with every change told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from integration.cluster.model import Model
from kelos.api.kinds import TASK, Kind, Manifest
from kelos.cluster.protocol import Change, Page
from kelos.cluster.watch import Cache
from kelos.errors import Gone, TooManyRequests, Unavailable

pytestmark = pytest.mark.anyio

NAMES = [f"task-{number}" for number in range(12)]
HALF_OPEN_SECONDS = 15


class Faulty(Model):
    """The model behind a bad network: everything that can go wrong does, until `heal`."""

    def __init__(self, rng: Random) -> None:
        super().__init__(page_size=4)
        self._rng = rng
        self._is_healed = False

    def heal(self) -> None:
        self._is_healed = True

    async def list(self, kind: Kind, namespace: str | None, **options: Any) -> Page:
        await self._stumble()
        page = await super().list(kind, namespace, **options)
        await asyncio.sleep(self._rng.random())  # changes may come between two pages
        return page

    async def watch(self, kind: Kind, namespace: str | None, **options: Any) -> AsyncGenerator[Change]:
        await self._stumble()
        patience = self._rng.randrange(8)
        async for change in super().watch(kind, namespace, **options):
            if not self._is_healed and patience == 0:
                await self._break_off(options["timeout_seconds"])
                return
            patience -= 1
            yield change

    async def _stumble(self) -> None:
        await asyncio.sleep(self._rng.random() * 3)
        fault = None if self._is_healed else self._rng.randrange(8)
        if fault == 0:
            raise Unavailable("refused")
        if fault == 1:
            raise TooManyRequests("slow down", retry_after_seconds=self._rng.randrange(20))
        if fault == 2:
            self.compact()
        if fault == 3:
            raise Gone("too old")

    async def _break_off(self, timeout_seconds: int) -> None:
        fault = self._rng.randrange(4)
        if fault == 0:
            raise Unavailable("reset")
        if fault == 1:
            raise Gone("too old")
        if fault == 2:
            await asyncio.sleep(timeout_seconds + HALF_OPEN_SECONDS)
            raise Unavailable("silent for too long")


class Witness:
    """What an observer learned: its own copy of the world, and every version that it was told of."""

    def __init__(self) -> None:
        self.world: dict[str, Manifest] = {}
        self.told: set[str] = set()
        self.mistakes: list[str] = []

    def __call__(self, old: Manifest | None, new: Manifest | None) -> None:
        name = (new or old or {})["metadata"]["name"]
        if self.world.get(name) is not old:
            self.mistakes.append(name)
        if new is None:
            del self.world[name]
        else:
            self.world[name] = new
            self.told.add(new["metadata"]["resourceVersion"])


@asynccontextmanager
async def running(cache: Cache) -> AsyncGenerator[None]:
    task = asyncio.create_task(cache.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def versions(objects: Any) -> dict[str, str]:
    return {object_["metadata"]["name"]: object_["metadata"]["resourceVersion"] for object_ in objects}


@pytest.mark.parametrize("seed", range(60))
async def test_the_cache_ends_equal_to_the_server(seed: int) -> None:
    """Deletes in a gap, expired pages, dead connections: nothing is missed for good. The seed replays a failure."""
    rng = Random(seed)
    server = Faulty(rng)
    cache = Cache(server, TASK, indexes={"step": lambda task: [str(task["spec"]["step"])]}, rng=Random(seed))
    witness = Witness()
    cache.subscribe(witness)

    async with running(cache):
        for step in range(150):
            name = rng.choice(NAMES)
            if ("ci", name) in server.objects and rng.random() < 0.3:
                server.remove(name)
            else:
                server.write(name, step=step)
            if rng.random() < 0.05:
                server.bookmark()
            await asyncio.sleep(rng.choice([0, 0.1, 1, 30]))
        server.heal()
        await asyncio.sleep(1200)

        assert [] == witness.mistakes
        assert versions(server.objects.values()) == versions(cache.list())
        assert versions(server.objects.values()) == versions(witness.world.values())
        assert set(versions(server.objects.values()).values()) <= witness.told
        assert all("managedFields" not in task["metadata"] for task in cache.list())
        for task in server.objects.values():
            assert task["metadata"]["name"] in versions(cache.by("step", str(task["spec"]["step"])))
