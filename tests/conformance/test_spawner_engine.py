"""The engine's books on a server: whoever dies when, a tick becomes one Task, and the ledger knows it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta, timezone

import pytest

from kelos.api.kinds import CONFIG_MAP, TASK, TASK_SPAWNER, WORKSPACE, Manifest
from kelos.api.names import FINALIZER_SPAWNED, LABEL_SPAWNER_UID
from kelos.cluster.access import Source, select
from kelos.cluster.client import HttpCluster, connect
from kelos.controllers.task_spawner.engine import SpawnerController
from kelos.errors import Conflict
from kelos.spawning.ledger import writing
from kelos.spawning.ledger.ledger import parse_head
from make import workspace_manifest
from simulation.spawning.engines import engine
from simulation.spawning.people import spawner_manifest
from world import Deadly, Died

from .servers import Server

pytestmark = pytest.mark.anyio

TICKS = 6


@asynccontextmanager
async def cluster_of(server: Server) -> AsyncIterator[HttpCluster]:
    document = json.loads(server.kubeconfig.read_text())
    async with await connect(select([Source(path="test", folder="/", document=document)])) as cluster:
        yield cluster


async def passes(running: SpawnerController, key: tuple[str, str], until: datetime, clock: list[datetime]) -> None:
    """One pass after the other, as fast as the watches tell; the clock goes on with each, and stands still at the end:
    where a server takes its time to tell of a Task, the next tick would otherwise always be there before the news."""
    async with asyncio.timeout(120):
        while True:
            with suppress(Conflict):
                again = await running.reconcile(key)
                if again is not None and again > 1.0 and clock[0] == until:
                    return
            clock[0] = min(clock[0] + timedelta(seconds=20), until)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("dies_after", [None, 2, 3, 5])
async def test_every_tick_becomes_one_task(server: Server, monkeypatch: pytest.MonkeyPatch, dies_after: int) -> None:
    """The ledger is cut after a few entries here, so that all of its objects are seen."""
    monkeypatch.setattr(writing, "HEAD_BYTES", 100)
    async with cluster_of(server) as cluster:
        await cluster.create(WORKSPACE, _in(server, workspace_manifest()))
        when = {"cron": {"schedule": "* * * * *", "missedRuns": "All"}}
        made = await cluster.create(TASK_SPAWNER, _in(server, spawner_manifest("nightly", when=when)))
        born = datetime.now(timezone.utc) + timedelta(minutes=1)
        born = born.replace(second=30)  # the last pass is not at a tick
        clock, key = [born], (server.namespace, "nightly")
        until = born + timedelta(minutes=TICKS)
        if dies_after is not None:
            with suppress(Died):
                deadly = Deadly(cluster, dies_after)  # type: ignore[arg-type]
                async with engine(deadly, lambda: clock[0], namespace=server.namespace) as dying:
                    await passes(dying, key, until, clock)
        async with engine(cluster, lambda: clock[0], namespace=server.namespace) as running:
            await passes(running, key, until, clock)

        tasks = (await cluster.list(TASK, server.namespace)).items
        maps = (await cluster.list(CONFIG_MAP, server.namespace, labels=LABEL_SPAWNER_UID)).items
        (head,) = [parse_head(each) for each in maps if "state" in each["data"]]
        assert len(tasks) == head.created >= TICKS
        assert [] == [task for task in tasks if FINALIZER_SPAWNED in (task["metadata"].get("finalizers") or ())]
        assert {each["metadata"]["ownerReferences"][0]["uid"] for each in maps} == {made["metadata"]["uid"]}
        assert "Running" == (await cluster.get(TASK_SPAWNER, *key))["status"]["phase"]


def _in(server: Server, manifest: Manifest) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": server.namespace}}
