"""Wiring of the controller: real clients into its loops, an election before them, probes beside them."""

from __future__ import annotations

import os
import random
import secrets
import socket
import time
from contextlib import AsyncExitStack
from datetime import datetime, timezone

import httpx

from kelos.clients.token_desk import TokenDesk
from kelos.cluster.lease import Election
from kelos.cluster.protocol import Cluster
from kelos.cluster.watch import Cache
from kelos.controllers.loop import WORKERS, Log
from kelos.controllers.task import TaskController
from kelos.errors import UserError
from kelos.settings import Settings
from kelos.telemetry.heartbeat import create_app, heartbeat
from kelos.telemetry.metrics import Metrics

ELECTION = "kelos-controller-leader-election"


def wall() -> datetime:
    return datetime.now(timezone.utc)


async def run_controller(
    cluster: Cluster,
    *,
    settings: Settings,
    log: Log,
    namespace: str | None = None,
    election_namespace: str | None = None,
    health_port: int | None = None,
    workers: int = WORKERS,
) -> None:
    """The controller until cancelled; with an election namespace only while this process leads.

    With a health port, /healthz, /readyz and /metrics are served there all the time. Raises UserError when it is taken.
    """
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        github = await stack.enter_async_context(httpx.AsyncClient())
        controller = TaskController(
            cluster,
            settings=settings,
            now=wall,
            monotonic=time.monotonic,
            log=log,
            namespace=namespace,
            meter=metrics.queue("task"),
            tokens=TokenDesk(github, now=wall, monotonic=time.monotonic, chance=random.random),
        )
        for cache in controller.caches:
            _watch_cache(metrics, cache)
        if health_port is not None:
            await _serve_health(stack, controller, metrics, health_port)
        await _lead(controller, cluster, election_namespace, log, metrics, workers)


async def _serve_health(stack: AsyncExitStack, controller: TaskController, metrics: Metrics, port: int) -> None:
    app = create_app(alive=controller.complaint, ready=controller.unready, metrics=metrics)
    try:
        await stack.enter_async_context(heartbeat(app, port))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(f"Port {port} cannot be used for probes: {why}; choose another") from None


async def _lead(
    controller: TaskController,
    cluster: Cluster,
    election_namespace: str | None,
    log: Log,
    metrics: Metrics,
    workers: int,
) -> None:
    async def work() -> None:
        metrics.is_leader.set(1)
        await controller.run(workers)

    if election_namespace is None:
        await work()
        return
    identity = f"{socket.gethostname()}-{secrets.token_hex(4)}"
    election = Election(cluster, election_namespace, ELECTION, identity, wall=wall)

    def lost() -> None:
        log.error("Leadership lost", identity=identity)

    await election.run(work, on_lost=lost)


def _watch_cache(metrics: Metrics, cache: Cache) -> None:
    metrics.watch_cache(
        cache.kind.kind,
        objects=lambda: cache.freshness().objects,
        silent_seconds=lambda: cache.freshness().silent_seconds,
        lists=lambda: cache.freshness().lists,
    )
