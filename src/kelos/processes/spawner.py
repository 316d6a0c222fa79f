"""Wiring of the process that a Dedicated TaskSpawner has for itself: the engine of all others, for this one."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from kelos.api.kinds import TASK, TASK_SPAWNER, WORKSPACE, Manifest
from kelos.api.names import LABEL_SPAWNER, shorten
from kelos.api.spawner_status import SpawnerCondition
from kelos.clients.account import Accounts
from kelos.clients.flight import Flight
from kelos.clients.github.client import GitHub
from kelos.clients.guarded import guarded_client
from kelos.clients.token_desk import TokenDesk
from kelos.cluster.protocol import Cluster
from kelos.cluster.watch import Cache
from kelos.controllers.loop import Log
from kelos.controllers.task_caches import spawner_of, workspace_of_template
from kelos.controllers.task_spawner.engine import SpawnerCaches, SpawnerController
from kelos.errors import Conflict, KelosError, NotFound, UserError
from kelos.processes.controller import wall
from kelos.processes.memory import answer_bytes, build_shelf, source_bytes
from kelos.processes.spawning import build_sources
from kelos.spawning.recipe import TaskRecipe
from kelos.telemetry.heartbeat import create_app, heartbeat
from kelos.telemetry.metrics import Metrics
from kelos.telemetry.spawner_metrics import GitHubMetrics, SpawnerMetrics

AT_ONCE_SECONDS = 5.0
"""One run waits so long for what comes next: a CronJob's clock may be a little ahead of ours."""
MOST_PASSES = 3000
"""Of one run: a thousand ticks that were missed become Tasks one after another."""
SYNC_SECONDS = 60.0
TRIES, CONFLICT_SECONDS = 10, 0.2
"""Somebody else writes as well, now and then; not ten times in a row."""
WORKERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnerOptions:
    """Which TaskSpawner; with a health port, /healthz, /readyz and /metrics are served there."""

    namespace: str
    name: str
    health_port: int | None = None


class Tally(SpawnerMetrics):
    """Numbers, and how many Tasks this very process has made."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(metrics.registry)
        self.metrics = metrics
        self.made = 0

    def created(self) -> None:
        super().created()
        self.made += 1


async def run_spawner(cluster: Cluster, options: SpawnerOptions, log: Log) -> None:
    """The engine for one TaskSpawner, until cancelled. Raises UserError when the port is taken."""
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        caches = spawner_caches(cluster, options)
        engine = await _engine(stack, cluster, caches, log, Tally(metrics))
        if options.health_port is not None:
            await _serve_health(stack, engine, caches, metrics, options.health_port)
        async with asyncio.TaskGroup() as group:
            for cache in caches:
                group.create_task(cache.run())
            group.create_task(engine.run(WORKERS))


async def run_spawner_once(cluster: Cluster, options: SpawnerOptions, log: Log) -> None:
    """Look once, make what there is to make, note it, and end. Raises KelosError when that failed."""
    async with AsyncExitStack() as stack:
        caches = spawner_caches(cluster, options)
        tally = Tally(Metrics())
        engine = await _engine(stack, cluster, caches, log, tally)
        stack.push_async_callback(engine.close)
        following = [asyncio.create_task(cache.run()) for cache in caches]
        stack.push_async_callback(_end, following)
        await _synced(caches)
        await settle(engine, tally, options)


async def settle(engine: SpawnerController, tally: Tally, options: SpawnerOptions) -> None:
    """Pass after pass until there is nothing to do at once. Raises KelosError when it did not go well."""
    key, conflicts = (options.namespace, options.name), 0
    if engine.caches.spawners.get(*key) is None:
        raise UserError(f"TaskSpawner '{options.name}' does not exist in namespace '{options.namespace}'")
    for _ in range(MOST_PASSES):
        made = tally.made
        try:
            again = await engine.reconcile(key)
        except (Conflict, NotFound):
            conflicts += 1
            if conflicts > TRIES:
                raise
            await asyncio.sleep(CONFLICT_SECONDS * conflicts)
            continue
        conflicts = 0
        if again is None or (again > AT_ONCE_SECONDS and tally.made == made):
            break
        await asyncio.sleep(again if again <= AT_ONCE_SECONDS else 0.0)
    else:
        raise KelosError(f"TaskSpawner '{options.name}' came to no rest; the next run goes on")
    if again is not None and (problem := _problem(engine.caches.spawners.get(*key))):
        raise KelosError(f"TaskSpawner '{options.name}': {problem}")


def _problem(spawner: Manifest | None) -> str:
    """What its last pass has said of its source or of an item; empty when all went well."""
    bad = {SpawnerCondition.READY.value: "False", SpawnerCondition.DISCOVERY_ERROR.value: "True"}
    conditions = ((spawner or {}).get("status") or {}).get("conditions") or ()
    return next((each["message"] for each in conditions if bad.get(each["type"]) == each["status"]), "")


def spawner_caches(cluster: Cluster, options: SpawnerOptions) -> SpawnerCaches:
    """The TaskSpawner, its own Tasks, and the Workspaces of its namespace."""
    namespace = options.namespace
    return SpawnerCaches(
        spawners=Cache(
            cluster,
            TASK_SPAWNER,
            namespace,
            fields=f"metadata.name={options.name}",
            indexes={"workspace": workspace_of_template},
        ),
        tasks=Cache(
            cluster, TASK, namespace, labels=f"{LABEL_SPAWNER}={shorten(options.name)}", indexes={"spawner": spawner_of}
        ),
        workspaces=Cache(cluster, WORKSPACE, namespace),
    )


async def _engine(
    stack: AsyncExitStack, cluster: Cluster, caches: SpawnerCaches, log: Log, tally: Tally
) -> SpawnerController:
    guarded = await stack.enter_async_context(guarded_client(may_reach_loopback=False))
    tokens = TokenDesk(guarded, now=wall, monotonic=time.monotonic, chance=random.random)
    meter = GitHubMetrics(tally.metrics.registry)
    all_bytes = source_bytes(None)
    shelf, kept = build_shelf(all_bytes, log, tally.metrics), answer_bytes(all_bytes)
    flight = Flight(limit_bytes=all_bytes // 2)
    github = GitHub(
        guarded, now=wall, monotonic=time.monotonic, chance=random.random, meter=meter, kept_bytes=kept, flight=flight
    )
    accounts = Accounts(tokens, now=wall)
    sources = await build_sources(
        stack,
        cluster,
        github=github,
        accounts=accounts,
        now=wall,
        log=log,
        shelf=shelf,
        flight=flight,
        may_reach_loopback=False,
    )
    return SpawnerController(
        cluster,
        caches=caches,
        sources=sources,
        recipe=TaskRecipe(),
        now=wall,
        monotonic=time.monotonic,
        log=log,
        tally=tally,
        meter=tally.metrics.queue("task-spawner"),
        passes=tally.metrics.loop("task-spawner"),
        is_own=True,
        shelf=shelf,
    )


async def _serve_health(
    stack: AsyncExitStack, engine: SpawnerController, caches: SpawnerCaches, metrics: Metrics, port: int
) -> None:
    def alive() -> str:
        for cache in caches:
            if not (state := cache.freshness()).is_healthy:
                return f"Nothing was heard about kind {cache.kind} for {state.silent_seconds:.0f} seconds"
        return engine.complaint()

    def ready() -> str:
        waiting = [str(cache.kind) for cache in caches if not cache.synced.is_set()]
        return f"Still reading {', '.join(waiting)}" if waiting else ""

    app = create_app(alive=alive, ready=ready, metrics=metrics)
    try:
        await stack.enter_async_context(heartbeat(app, port))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(f"Port {port} cannot be used for probes: {why}; choose another") from None


async def _synced(caches: SpawnerCaches) -> None:
    """Raises KelosError when the cluster does not tell what is needed."""
    try:
        async with asyncio.timeout(SYNC_SECONDS):
            for cache in caches:
                await cache.wait_synced()
    except TimeoutError:
        why = next((state.last_error for cache in caches if (state := cache.freshness()).last_error), "no answer")
        raise KelosError(f"The cluster did not say what there is within {SYNC_SECONDS:.0f} seconds: {why}") from None


async def _end(following: Sequence[asyncio.Task[None]]) -> None:
    for each in following:
        each.cancel()
    await asyncio.gather(*following, return_exceptions=True)
