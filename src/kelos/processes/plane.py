"""Wiring of the local plane: a whole cluster in one process."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import secrets
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import structlog
from starlette.applications import Starlette

from kelos.api.kinds import CONFIG_MAP, CRD, JOB, LEASE, NAMESPACE, POD, PVC, SECRET, SERVICE_ACCOUNT, Manifest
from kelos.api.names import ENTRYPOINT
from kelos.cluster.protocol import Cluster
from kelos.errors import NotFound, UserError
from kelos.install.crds import build_crds
from kelos.local.cluster import LocalCluster
from kelos.local.garbage.collector import run_garbage_collector
from kelos.local.garbage.expiry import run_job_expiry
from kelos.local.jobs.control.loop import run_job_controller
from kelos.local.jobs.engine.client import Client
from kelos.local.jobs.engine.runner import EngineRunner
from kelos.local.jobs.node.images import ImageCommands
from kelos.local.jobs.node.node import run_node
from kelos.local.jobs.node.processes import ProcessRunner
from kelos.local.jobs.node.surroundings import RunnerChoice
from kelos.local.jobs.process.logs import PodLogs
from kelos.local.jobs.settings import NodeSettings, host_environment
from kelos.local.server.serving import RunningServer, create_app, open_plane, serve
from kelos.local.store import Store
from kelos.processes.controller import run_controller
from kelos.processes.engines import choose_runner, containers_of, find_client, installed_agents
from kelos.settings import Settings

PR_SET_DUMPABLE = 4  # prctl(2)
RUNNER = (sys.executable, "-I", "-m", "kelos.runner")
"""Isolated: the working directory is a checkout, and nothing in it may become a module of ours."""

COLLECTED = (POD, JOB, SECRET, CONFIG_MAP, SERVICE_ACCOUNT, LEASE, PVC, NAMESPACE)
"""Built-in kinds that may be owned or own; kinds that definitions add are found by the collector itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneOptions:
    """How to run a cluster on this machine. Without a database its objects live in memory."""

    ready: Callable[[Manifest], None]
    database: Path | None = None
    port: int = 0
    pods_at_once: int = 1
    containers: str = "auto"


async def run_plane(options: PlaneOptions) -> None:
    """API server, garbage collector, Job controller, node and Task controller in one process, until cancelled.

    `options.ready` gets the kubeconfig once everything answers. All processes of all pods end with this one.
    """
    log = structlog.get_logger("kelos")
    hide_from_neighbours()
    client = await find_client(options.containers)
    with pod_folder(options.database) as root:
        plane, logs = open_plane(_open_store(options.database)), PodLogs(root / "logs")
        cluster = LocalCluster(plane, logs=logs)
        for crd in build_crds():
            await _install(cluster, crd)
        server = await _serve(create_app(plane, secrets.token_urlsafe(24), logs), options.port)
        # What is on this machine is used: no registry is asked each time whether there is something newer.
        settings = Settings(repeats_disrupted=False, image_pull_policy="IfNotPresent", spawner_image=None)
        node = NodeSettings(slots=options.pods_at_once)
        plane_id = plane_identity(options.database)
        runner_of = _runners(options.containers, client, cluster, logs, settings, plane_id)
        loops = (
            run_garbage_collector(cluster, COLLECTED),
            run_job_expiry(cluster),
            run_job_controller(cluster),
            run_node(cluster, runner_of=runner_of, root=root / "pods", logs=logs, settings=node),
            run_controller(cluster, settings=settings, log=log, may_reach_loopback=True),
        )
        try:
            async with containers_of(client, plane_id), asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop)
                options.ready(server.kubeconfig)
        finally:
            await server.stop()


def plane_identity(database: Path | None) -> str:
    """The same for each start with one database; of its own where nothing is kept."""
    return sha256(str(database.resolve()).encode()).hexdigest()[:32] if database else secrets.token_hex(16)


def _runners(
    choice: str, client: Client | None, cluster: Cluster, logs: PodLogs, settings: Settings, plane_id: str
) -> RunnerChoice:
    images = local_command(settings)
    processes = ProcessRunner(cluster=cluster, images=images, logs=logs, environment=host_environment(os.environ))
    containers = EngineRunner(client=client, cluster=cluster, logs=logs, plane=plane_id) if client else None
    here = local_command(settings, installed_agents(settings))
    return choose_runner(choice, here, processes, containers)


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


def local_command(settings: Settings, agents: frozenset[str] | None = None) -> ImageCommands:
    """Which program on this machine stands for a container's image and command; None when there is none."""
    agents = frozenset(settings.agent_images.values()) if agents is None else agents
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
