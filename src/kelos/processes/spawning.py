"""Wiring of the engine: real clients for every source, next to the Task controllers whose caches it shares."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime

from kelos.clients.account import Accounts
from kelos.clients.flight import Flight
from kelos.clients.github.client import GitHub
from kelos.clients.guarded import guarded_client
from kelos.clients.jira import Jira
from kelos.cluster.protocol import Cluster
from kelos.controllers.loop import Log
from kelos.controllers.task import TaskController
from kelos.controllers.task_spawner.engine import SpawnerCaches, SpawnerController
from kelos.settings import Settings
from kelos.sources.build import SourceBuilder
from kelos.sources.context.fetch import ContextFetcher
from kelos.sources.github.mirror import Mirrors
from kelos.sources.shelf import Shelf
from kelos.spawning.recipe import TaskRecipe
from kelos.telemetry.metrics import Metrics
from kelos.telemetry.spawner_metrics import SpawnerMetrics


async def build_engines(
    stack: AsyncExitStack,
    cluster: Cluster,
    *,
    beside: Sequence[TaskController],
    github: GitHub,
    accounts: Accounts,
    now: Callable[[], datetime],
    log: Log,
    metrics: Metrics,
    settings: Settings,
    shelf: Shelf,
    flight: Flight,
    may_reach_loopback: bool,
) -> list[SpawnerController]:
    """One engine for each Task controller; all of them share what they know of GitHub and Jira.

    `may_reach_loopback`: whether context sources and Jira's address may name servers of this very machine.
    """
    sources = await build_sources(
        stack,
        cluster,
        github=github,
        accounts=accounts,
        now=now,
        log=log,
        shelf=shelf,
        flight=flight,
        may_reach_loopback=may_reach_loopback,
    )
    tally = SpawnerMetrics(metrics.registry)
    return [
        SpawnerController(
            cluster,
            caches=SpawnerCaches(
                spawners=controller.caches.spawners,
                tasks=controller.caches.tasks,
                workspaces=controller.caches.workspaces,
            ),
            sources=sources,
            recipe=TaskRecipe(),
            now=now,
            monotonic=time.monotonic,
            log=log,
            tally=tally,
            meter=metrics.queue("task-spawner"),
            passes=metrics.loop("task-spawner"),
            settings=settings,
            shelf=shelf,
        )
        for controller in beside
    ]


async def build_sources(
    stack: AsyncExitStack,
    cluster: Cluster,
    *,
    github: GitHub,
    accounts: Accounts,
    now: Callable[[], datetime],
    log: Log,
    shelf: Shelf,
    flight: Flight,
    may_reach_loopback: bool,
) -> SourceBuilder:
    """What the engines of one process share."""
    guarded = await stack.enter_async_context(guarded_client(may_reach_loopback=may_reach_loopback))
    return SourceBuilder(
        cluster=cluster,
        github=github,
        mirrors=Mirrors(github, monotonic=time.monotonic, chance=random.random, shelf=shelf),
        accounts=accounts,
        jira=Jira(guarded, now=now, monotonic=time.monotonic, flight=flight),
        fetcher=ContextFetcher(guarded, accounts, flight),
        warn=log.warning,
        shelf=shelf,
    )
