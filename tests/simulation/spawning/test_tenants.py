"""Namespaces beside each other in one process: what the servers of one do, those of the others do not feel."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest

import make
from kelos.api.kinds import NAMESPACE, TASK, TASK_SPAWNER, WORKSPACE, Manifest
from kelos.api.work_item import Sighting, WorkItem
from kelos.controllers.task_spawner import engine as engines
from kelos.controllers.task_spawner.engine import SpawnerController
from kelos.local.cluster import LocalCluster
from kelos.sources.protocol import Listing
from kelos.sources.shelf import Shelf
from simulation.plane import new_plane
from simulation.spawning.engines import engine
from simulation.spawning.people import spawner_manifest
from virtual_time import VirtualLoop

pytestmark = pytest.mark.anyio
LABELS = tuple(f"{n}".rjust(100, "x") for n in range(50))
"""Of one item: 13 KB."""
START = datetime(2026, 2, 7, 9, 0, tzinfo=timezone.utc)


@pytest.fixture
def anyio_backend() -> Any:
    return "asyncio", {"loop_factory": VirtualLoop}


@dataclass
class Servers:
    """What the sources of a namespace say: `slow` ones think for so many seconds, `long` ones list so many items."""

    slow: dict[str, float] = field(default_factory=dict)
    long: dict[str, int] = field(default_factory=dict)
    looks: list[tuple[str, str, float]] = field(default_factory=list)

    async def of(self, spawner: Any, workspace: Any, schedule: Any) -> Any:
        return Server(self, spawner.meta.namespace, spawner.meta.name)

    async def context(self, spawner: Any, item: Any) -> Any:
        return {}

    def first_look(self, namespace: str) -> float:
        return next(at for where, _, at in self.looks if where == namespace)

    def looked(self, namespace: str) -> Counter[str]:
        return Counter(name for where, name, _ in self.looks if where == namespace)


@dataclass
class Server:
    servers: Servers
    namespace: str
    name: str

    async def look(self) -> Listing:
        await asyncio.sleep(self.servers.slow.get(self.namespace, 0.1))
        self.servers.looks.append((self.namespace, self.name, asyncio.get_running_loop().time()))
        count = self.servers.long.get(self.namespace, 1)
        labels = LABELS if count > 1 else ()
        return Listing(sightings=tuple(Sighting(key=str(n), revision="r", labels=labels) for n in range(1, count + 1)))

    async def read(self, sighting: Sighting) -> WorkItem | None:
        return WorkItem(key=sighting.key, revision="r") if sighting.key == "1" else None


@dataclass
class Town:
    cluster: LocalCluster
    now: Callable[[], datetime]

    async def settle(self, namespace: str, spawners: int) -> None:
        await self.cluster.create(WORKSPACE, _in(namespace, make.workspace_manifest("repo")))
        for number in range(spawners):
            wanted = spawner_manifest(f"s-{number}", when={"githubIssues": {"pollInterval": "60s"}})
            await self.cluster.create(TASK_SPAWNER, _in(namespace, wanted))

    async def statuses(self, namespace: str) -> list[Manifest]:
        return [each.get("status") or {} for each in (await self.cluster.list(TASK_SPAWNER, namespace)).items]

    async def tasks(self, namespace: str) -> int:
        return len((await self.cluster.list(TASK, namespace)).items)


def _in(namespace: str, manifest: Manifest) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


@asynccontextmanager
async def town(*namespaces: str) -> AsyncIterator[Town]:
    loop = asyncio.get_running_loop()

    def now() -> datetime:
        return START + timedelta(seconds=loop.time())

    cluster = LocalCluster(new_plane(now, Random(1), lambda *_: None))
    for name in namespaces:
        await cluster.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield Town(cluster, now)


@asynccontextmanager
async def running(place: Town, servers: Servers, shelf: Shelf | None = None) -> AsyncIterator[SpawnerController]:
    async with engine(place.cluster, place.now, sources=servers, shelf=shelf) as controller:
        working = asyncio.ensure_future(controller.run())
        try:
            yield controller
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def newcomer_beside_slow_servers(place: Town, servers: Servers) -> float:
    """In how many seconds the first of three new TaskSpawners is looked at; five minutes go by."""
    await asyncio.sleep(60.0)
    came_at = asyncio.get_running_loop().time()
    await place.settle("small", 3)
    await asyncio.sleep(300.0)
    return servers.first_look("small") - came_at


async def test_slow_servers_of_one_namespace_keep_no_other_waiting():
    """Eighty looks of 110 seconds each want every worker there is, again and again."""
    async with town("hostile", "small") as place:
        servers = Servers(slow={"hostile": 110.0})
        await place.settle("hostile", 80)
        async with running(place, servers):
            assert await newcomer_beside_slow_servers(place, servers) < 10.0
            assert all(count >= 4 for count in servers.looked("small").values())
            assert 3 == await place.tasks("small")
            assert servers.looked("hostile")


async def test_without_shares_they_would_wait(monkeypatch):
    """That the test above can fail."""
    monkeypatch.setattr(engines, "_namespace", lambda key: key)
    async with town("hostile", "small") as place:
        servers = Servers(slow={"hostile": 110.0})
        await place.settle("hostile", 80)
        async with running(place, servers):
            assert await newcomer_beside_slow_servers(place, servers) > 30.0


async def test_long_lists_of_one_namespace_push_out_nothing_of_another():
    """All that is kept stays within one number, and who was pushed out looks again and does its work."""
    shelf = Shelf(limit_bytes=4_000_000)
    async with town("hostile", "small") as place:
        servers = Servers(long={"hostile": 20, "small": 2})
        await place.settle("hostile", 20)
        await place.settle("small", 5)
        most = 0
        async with running(place, servers, shelf) as controller:
            for _ in range(400):
                await asyncio.sleep(1.0)
                most = max(most, shelf.size_bytes)
            kept = {key: memory.discovery.sightings is not None for key, memory in controller._passes._memories.items()}

            assert most <= 4_000_000
            assert all(kept["small", f"s-{n}"] for n in range(5))
            assert not all(kept["hostile", f"s-{n}"] for n in range(20))
            assert (20, 5) == (await place.tasks("hostile"), await place.tasks("small"))
            assert {"Running"} == {status["phase"] for status in await place.statuses("hostile")}


async def test_a_list_that_is_too_large_is_told_of():
    """Only a person can mend it."""
    async with town("hostile") as place:
        servers = Servers(long={"hostile": 100})
        await place.settle("hostile", 1)
        async with running(place, servers, Shelf(limit_bytes=1_000_000)):
            await asyncio.sleep(30.0)
            (status,) = await place.statuses("hostile")

    assert "Failed" == status["phase"]
    assert status["message"].startswith(
        "What TaskSpawner 's-0' finds takes more than 0 MiB, the most that one list may"
    )
