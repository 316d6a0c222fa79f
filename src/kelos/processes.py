"""Wiring: real clients into real loops, one function per process."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from kelos.api.kinds import CRD, Manifest
from kelos.api.names import ENTRYPOINT
from kelos.cluster.lease import Election
from kelos.cluster.protocol import Cluster
from kelos.controllers.loop import WORKERS, Log
from kelos.controllers.task import TaskController
from kelos.errors import AlreadyExists
from kelos.settings import Settings

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
    workers: int = WORKERS,
) -> None:
    """The controller until cancelled; with an election namespace only while this process leads."""
    controller = TaskController(
        cluster, settings=settings, now=wall, monotonic=time.monotonic, log=log, namespace=namespace
    )
    if election_namespace is None:
        await controller.run(workers)
        return
    identity = f"{socket.gethostname()}-{secrets.token_hex(4)}"
    election = Election(cluster, election_namespace, ELECTION, identity, wall=wall)
    await election.run(lambda: controller.run(workers), on_lost=lambda: log.error("Leadership lost"))
