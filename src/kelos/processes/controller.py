"""Wiring of the controller: real clients into its loops, an election before them, probes beside them."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timezone
from functools import partial
from typing import Any

from kelos.clients.account import Accounts
from kelos.clients.flight import Flight
from kelos.clients.github.client import GitHub
from kelos.clients.guarded import guarded_client
from kelos.clients.token_desk import TokenDesk
from kelos.cluster.lease import Election
from kelos.cluster.protocol import Cluster
from kelos.cluster.watch import Cache
from kelos.controllers.loop import WORKERS, Log
from kelos.controllers.task import TaskController
from kelos.controllers.task_spawner.engine import SpawnerController
from kelos.errors import UserError
from kelos.processes.memory import answer_bytes, build_shelf, source_bytes
from kelos.processes.reporting import build_reporters
from kelos.processes.spawning import build_engines
from kelos.settings import Settings
from kelos.telemetry.heartbeat import create_app, heartbeat
from kelos.telemetry.metrics import Metrics
from kelos.telemetry.spawner_metrics import GitHubMetrics
from kelos.telemetry.task_metrics import TaskMetrics

ELECTION = "kelos-controller-leader-election"

Loop = Callable[[], Coroutine[Any, Any, None]]


def wall() -> datetime:
    return datetime.now(timezone.utc)


async def run_controller(
    cluster: Cluster,
    *,
    settings: Settings,
    log: Log,
    namespaces: Sequence[str] = (),
    election_namespace: str | None = None,
    health_port: int | None = None,
    workers: int = WORKERS,
    may_reach_loopback: bool = False,
) -> None:
    """Task controller, engine of spawners and reporter until cancelled; with an election namespace only while it leads.

    It serves these namespaces, each by itself, so that rights in them are enough; all of them when none is named.
    With a health port, /healthz, /readyz and /metrics are served there all the time. Raises UserError when it is taken.
    `may_reach_loopback`: whether addresses that people choose (a Workspace's, too) may name servers of this machine.
    """
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        guarded = await stack.enter_async_context(guarded_client(may_reach_loopback=may_reach_loopback))
        tokens = TokenDesk(guarded, now=wall, monotonic=time.monotonic, chance=random.random)
        accounts = Accounts(tokens, now=wall)
        meter = GitHubMetrics(metrics.registry)
        all_bytes = source_bytes(settings.source_memory_bytes)
        flight = Flight(limit_bytes=all_bytes // 2)
        github = GitHub(
            guarded,
            now=wall,
            monotonic=time.monotonic,
            chance=random.random,
            meter=meter,
            kept_bytes=answer_bytes(all_bytes),
            flight=flight,
        )
        controllers = _task_controllers(cluster, settings, log, namespaces or (None,), tokens, metrics)
        engines = await build_engines(
            stack,
            cluster,
            beside=controllers,
            github=github,
            accounts=accounts,
            now=wall,
            log=log,
            metrics=metrics,
            settings=settings,
            shelf=build_shelf(all_bytes, log, metrics),
            flight=flight,
            may_reach_loopback=may_reach_loopback,
        )
        reporters = build_reporters(
            cluster, beside=controllers, github=github, accounts=accounts, now=wall, log=log, metrics=metrics
        )
        if health_port is not None:
            await _serve_health(stack, controllers, engines, metrics, health_port)
        loops: list[Loop] = [partial(controller.run, workers) for controller in controllers]
        loops += [engine.run for engine in engines]
        loops += [reporter.run for reporter in reporters]
        await _lead(loops, cluster, election_namespace, log, metrics)


def _task_controllers(
    cluster: Cluster,
    settings: Settings,
    log: Log,
    namespaces: Sequence[str | None],
    tokens: TokenDesk,
    metrics: Metrics,
) -> list[TaskController]:
    """One for each namespace, and the numbers of their caches."""
    tally = TaskMetrics(metrics.registry)
    controllers = [
        TaskController(
            cluster,
            settings=settings,
            now=wall,
            monotonic=time.monotonic,
            log=log,
            namespace=namespace,
            meter=metrics.queue("task"),
            passes=metrics.loop("task"),
            tally=tally,
            tokens=tokens,
        )
        for namespace in namespaces
    ]
    for caches in zip(*(controller.caches for controller in controllers), strict=True):
        _watch_caches(metrics, caches)
    return controllers


async def _serve_health(
    stack: AsyncExitStack,
    controllers: Sequence[TaskController],
    engines: Sequence[SpawnerController],
    metrics: Metrics,
    port: int,
) -> None:
    def alive() -> str:
        complaints = [*(each.complaint() for each in controllers), *(each.complaint() for each in engines)]
        return next(filter(None, complaints), "")

    def ready() -> str:
        return next(filter(None, (controller.unready() for controller in controllers)), "")

    app = create_app(alive=alive, ready=ready, metrics=metrics)
    try:
        await stack.enter_async_context(heartbeat(app, port))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(f"Port {port} cannot be used for probes: {why}; choose another") from None


async def _lead(
    loops: Sequence[Loop],
    cluster: Cluster,
    election_namespace: str | None,
    log: Log,
    metrics: Metrics,
) -> None:
    async def work() -> None:
        metrics.is_leader.set(1)
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop())

    if election_namespace is None:
        await work()
        return
    identity = f"{socket.gethostname()}-{secrets.token_hex(4)}"
    election = Election(cluster, election_namespace, ELECTION, identity, wall=wall)

    def lost() -> None:
        metrics.is_leader.set(0)
        log.error("Leadership lost", identity=identity)

    await election.run(work, on_lost=lost)


def _watch_caches(metrics: Metrics, caches: Sequence[Cache]) -> None:
    """The caches of one kind, one for each namespace."""
    metrics.watch_cache(
        caches[0].kind.kind,
        objects=lambda: sum(cache.freshness().objects for cache in caches),
        silent_seconds=lambda: max(cache.freshness().silent_seconds for cache in caches),
        lists=lambda: sum(cache.freshness().lists for cache in caches),
    )
