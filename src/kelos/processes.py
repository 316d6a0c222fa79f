"""Wiring: real clients into real loops, one function per process."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import secrets
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import structlog
from starlette.applications import Starlette

from kelos.api.kinds import CONFIG_MAP, CRD, JOB, LEASE, NAMESPACE, POD, PVC, SECRET, SERVICE_ACCOUNT, Manifest
from kelos.api.names import ENTRYPOINT
from kelos.cluster.lease import Election
from kelos.cluster.protocol import Cluster
from kelos.controllers.loop import WORKERS, Log
from kelos.controllers.task import TaskController
from kelos.errors import NotFound, UserError
from kelos.install.crds import build_crds
from kelos.local.cluster import LocalCluster
from kelos.local.garbage.collector import run_garbage_collector
from kelos.local.garbage.expiry import run_job_expiry
from kelos.local.jobs.control.loop import run_job_controller
from kelos.local.jobs.node.node import run_node
from kelos.local.jobs.process.logs import PodLogs
from kelos.local.jobs.settings import NodeSettings, host_environment
from kelos.local.server.serving import RunningServer, create_app, open_plane, serve
from kelos.local.store import Store
from kelos.settings import Settings

PR_SET_DUMPABLE = 4  # prctl(2)
ELECTION = "kelos-controller-leader-election"
RUNNER = (sys.executable, "-I", "-m", "kelos.runner")
"""Isolated: the working directory is a checkout, and nothing in it may become a module of ours."""

COLLECTED = (POD, JOB, SECRET, CONFIG_MAP, SERVICE_ACCOUNT, LEASE, PVC, NAMESPACE)
"""Built-in kinds that may be owned or own; kinds that definitions add are found by the collector itself."""


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

    def lost() -> None:
        log.error("Leadership lost", identity=identity)

    await election.run(lambda: controller.run(workers), on_lost=lost)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneOptions:
    """How to run a cluster on this machine. Without a database its objects live in memory."""

    ready: Callable[[Manifest], None]
    database: Path | None = None
    port: int = 0
    pods_at_once: int = 1


async def run_plane(options: PlaneOptions) -> None:
    """API server, garbage collector, Job controller, node and Task controller in one process, until cancelled.

    `options.ready` gets the kubeconfig once everything answers. All processes of all pods end with this one.
    """
    log = structlog.get_logger("kelos")
    hide_from_neighbours()
    with pod_folder(options.database) as root:
        plane, logs = open_plane(_open_store(options.database)), PodLogs(root / "logs")
        cluster = LocalCluster(plane, logs=logs)
        for crd in build_crds():
            await _install(cluster, crd)
        server = await _serve(create_app(plane, secrets.token_urlsafe(24), logs), options.port)
        settings = Settings(repeats_disrupted=False)
        node = NodeSettings(slots=options.pods_at_once, environment=host_environment(os.environ))
        loops = (
            run_garbage_collector(cluster, COLLECTED),
            run_job_expiry(cluster),
            run_job_controller(cluster),
            run_node(cluster, images=local_command(settings), root=root / "pods", logs=logs, settings=node),
            run_controller(cluster, settings=settings, log=log),
        )
        try:
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop)
                options.ready(server.kubeconfig)
        finally:
            await server.stop()


def _open_store(database: Path | None) -> Store:
    try:
        return Store(database)
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"'{database}' cannot be used for a cluster's objects: {error}; name another file") from None


async def _serve(app: Starlette, port: int) -> RunningServer:
    try:
        return await serve(app, port)
    except OSError as error:
        raise UserError(f"Port {port} of 127.0.0.1 cannot be used: {error.strerror}; choose another") from None


def hide_from_neighbours() -> None:
    """Close our memory, the API token and all Secrets among it, to other processes of the same user: the agents."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


async def _install(cluster: Cluster, crd: Manifest) -> None:
    """The definition of this version; an older one kept in the database is replaced."""
    name = crd["metadata"]["name"]
    try:
        there = await cluster.get(CRD, None, name)
    except NotFound:
        await cluster.create(CRD, crd)
        return
    meta = {**crd["metadata"], "resourceVersion": there["metadata"]["resourceVersion"]}
    await cluster.replace(CRD, {**crd, "metadata": meta})


def local_command(settings: Settings) -> Callable[[str, tuple[str, ...], tuple[str, ...]], tuple[str, ...] | None]:
    """Which program on this machine stands for a container's image and command; None when there is none."""
    agents = set(settings.agent_images.values())
    prepare = settings.runner_command

    def find(image: str, command: tuple[str, ...], args: tuple[str, ...]) -> tuple[str, ...] | None:
        if image == settings.runner_image and command[: len(prepare)] == prepare:
            return (*RUNNER, *command[len(prepare) :], *args)
        if image in agents and command[:1] == (ENTRYPOINT,):
            return (*RUNNER, "launch", *command[1:], *args)
        return None

    return find


@contextmanager
def pod_folder(database: Path | None) -> Iterator[Path]:
    """Where pods' files live: beside the database, or in a folder that goes with the process.

    Raises UserError when another process has that database: two nodes would both run its pods.
    """
    if database is None:
        with tempfile.TemporaryDirectory(prefix="kelos-pods-") as name:
            yield Path(name)
        return
    folder = database.with_name(f"{database.name}.pods")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise UserError(f"Folder '{folder}' cannot be used: {error.strerror}; name another file") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"'{database}' is in use by another cluster; end that one, or name another file") from None
        yield folder
    finally:
        with suppress(OSError):
            folder.rmdir()  # nothing is in it: there never was a database
        os.close(lock)


async def until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run until it ends or SIGINT or SIGTERM comes; then it is cancelled and may tidy up."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await _until(stop, work)


async def until_stdin_closes(work: Coroutine[Any, Any, None]) -> None:
    """The same, and also until standard input is closed: a parent that dies takes us along."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def wait_for_the_end() -> None:
        while os.read(0, 65536):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    await _until(stop, work)


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return
