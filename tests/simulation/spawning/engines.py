"""An engine that a test drives pass by pass, over any cluster; its sources are schedules alone unless it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from random import Random
from typing import Any

from kelos.controllers.task_caches import build_caches
from kelos.controllers.task_spawner.engine import SpawnerCaches, SpawnerController
from kelos.sources.cron import CronSource, Schedule
from simulation.spawning.stage import Recipe, Tally
from world import SilentLog


class Schedules:
    """Knows no other source."""

    async def of(self, spawner: Any, workspace: Any, schedule: Schedule) -> Any:
        return CronSource(spawner.spec.when.cron, schedule)

    async def context(self, spawner: Any, item: Any) -> Any:
        return {}


@asynccontextmanager
async def engine(
    cluster: Any,
    now: Callable[[], datetime],
    *,
    namespace: str | None = None,
    recipe: Any = None,
    sources: Any = None,
    **options: Any,
) -> AsyncIterator[SpawnerController]:
    """With caches that are complete; `options` as the engine has them."""
    found = build_caches(cluster, namespace)
    caches = SpawnerCaches(spawners=found.spawners, tasks=found.tasks, workspaces=found.workspaces)
    running = SpawnerController(
        cluster,
        caches=caches,
        sources=sources or Schedules(),
        recipe=recipe or Recipe(),
        now=now,
        monotonic=lambda: now().timestamp(),
        log=SilentLog(),
        tally=Tally(),
        rng=Random(7),
        **options,
    )
    watching = [asyncio.ensure_future(cache.run()) for cache in caches]
    try:
        for cache in caches:
            await cache.wait_synced()
        yield running
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, running.close(), return_exceptions=True)
