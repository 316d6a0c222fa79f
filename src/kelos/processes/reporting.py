"""Wiring of the reporter: one beside each Task controller, whose cache it shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from kelos.clients.account import Accounts
from kelos.clients.github.client import GitHub
from kelos.cluster.protocol import Cluster
from kelos.controllers.loop import Log
from kelos.controllers.reporter.reporter import Reporter
from kelos.controllers.reporter.writers import Standings, Writers
from kelos.controllers.task import TaskController
from kelos.telemetry.metrics import Metrics
from kelos.telemetry.report_metrics import ReportMetrics


def build_reporters(
    cluster: Cluster,
    *,
    beside: Sequence[TaskController],
    github: GitHub,
    accounts: Accounts,
    now: Callable[[], datetime],
    log: Log,
    metrics: Metrics,
) -> list[Reporter]:
    """All of them share what they know of GitHub."""
    standings = Standings()
    tally = ReportMetrics(metrics.registry)
    return [
        Reporter(
            cluster,
            tasks=controller.caches.tasks,
            writers=Writers(
                cluster=cluster,
                github=github,
                accounts=accounts,
                standings=standings,
                workspaces=controller.caches.workspaces.list,
            ),
            now=now,
            log=log,
            meter=metrics.queue("reporter"),
            passes=metrics.loop("reporter"),
            tally=tally,
        )
        for controller in beside
    ]
