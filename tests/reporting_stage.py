"""A cluster, a GitHub and reporters between them, in virtual time: use it inside a `VirtualLoop`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import httpx

import app_keys
import make
import reported
from fakes.github_app import GitHub as Apps
from fakes.github_server.server import TOKEN, GitHubServer
from fakes.github_server.state import START
from kelos.api import names
from kelos.api.kinds import EVENT, SECRET, TASK, Manifest
from kelos.clients.account import Accounts
from kelos.clients.github.client import GitHub
from kelos.clients.token_desk import TokenDesk
from kelos.cluster.watch import Cache
from kelos.controllers.reporter.reporter import Reporter
from kelos.controllers.reporter.writers import Standings, Writers
from kelos.errors import ClusterError, NotFound
from kelos.local.cluster import LocalCluster
from rights import Recording, Right
from simulation.door import Door, Weather
from simulation.plane import new_plane
from simulation.scenario import Fault

Wire = Callable[[httpx.Request], Any]
"""How requests to GitHub travel; gives the answer or raises."""


@dataclass
class Log:
    """What a reporter logs; a pass that breaks is a bug of ours."""

    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(f"{event} {fields}")

    error = warning = info

    def exception(self, event: str, **fields: object) -> None:
        import traceback

        self.broken.append(f"{event} {fields}: {traceback.format_exc()}")


class InPlace(ThreadPoolExecutor):
    """Threads would take real time, of which this world has none."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **options))
        return done


class Tally:
    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}

    def reported(self, channel: str, result: str, reports: int) -> None:
        if reports:
            self.counts[channel, result] = self.counts.get((channel, result), 0) + reports


class Process:
    """One reporter process with its way to the API and its way to GitHub."""

    def __init__(self, stage: Stage, wire: Wire, tally: Tally) -> None:
        self.door = Door(LocalCluster(stage.plane), stage.weather, stage.rng)
        self.is_dead = False
        self._wire = wire
        door: Any = Recording(self.door, stage.used)
        loop = asyncio.get_running_loop()
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._carry))
        desk = TokenDesk(client, now=stage.now, monotonic=loop.time, chance=stage.rng.random)
        github = GitHub(client, now=stage.now, monotonic=loop.time, chance=stage.rng.random)
        accounts = Accounts(desk, now=stage.now)
        self.tasks = Cache(door, TASK, rng=stage.rng)
        self.reporter = Reporter(
            door,
            tasks=self.tasks,
            writers=Writers(
                cluster=door,
                github=github,
                accounts=accounts,
                standings=Standings(),
                workspaces=lambda _: stage.workspaces,
            ),
            now=stage.now,
            log=stage.log,
            tally=tally,
            rng=stage.rng,
        )
        self._running = [asyncio.ensure_future(self.tasks.run()), asyncio.ensure_future(self.reporter.run())]

    async def _carry(self, request: httpx.Request) -> httpx.Response:
        """What was sent arrives, whatever becomes of its sender."""
        way = asyncio.ensure_future(self._wire(request))
        way.add_done_callback(lambda done: done.cancelled() or done.exception())
        answer: httpx.Response = await asyncio.shield(way)
        return answer

    def kill(self) -> None:
        """Between two steps of anything."""
        self.is_dead = self.door.is_dead = True
        for task in self._running:
            task.cancel()

    async def stop(self) -> None:
        self.kill()
        await asyncio.gather(*self._running, return_exceptions=True)


class Stage:
    """`wire` stands between reporters and GitHub; by default everything arrives at once."""

    def __init__(
        self, *, seed: int = 0, faults: Sequence[Fault] = (), is_app: bool = False, wire: Wire | None = None
    ) -> None:
        self.rng = Random(f"calls {seed}")
        self.weather = Weather(faults)
        self.plane = new_plane(self.now, Random(f"names {seed}"), lambda *_: None)
        self.cluster = LocalCluster(self.plane)
        self.github = GitHubServer(apps=Apps(app_keys.app(), now=lambda: self.now().timestamp()))
        self.github.open_issue()
        self.is_app = is_app
        self.log = Log()
        self.tally = Tally()
        self.processes: list[Process] = []
        self.used: set[Right] = set()
        self.workspaces = [make.workspace_manifest(secretRef={"name": "git"})]
        self._wire = wire or self._at_once

    def now(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time())

    async def __aenter__(self) -> Stage:
        asyncio.get_running_loop().set_default_executor(InPlace())
        await self.add_secret()
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.processes:
            await process.stop()

    async def add_secret(self, name: str = "git") -> None:
        secret = app_keys.app_secret(name) if self.is_app else make.secret_manifest(name, GITHUB_TOKEN=TOKEN)
        await self.cluster.create(SECRET, secret)

    def start(self) -> Process:
        process = Process(self, self._wire, self.tally)
        self.processes.append(process)
        return process

    def kill(self, process: Process) -> None:
        process.kill()
        self.processes.remove(process)

    async def _at_once(self, request: httpx.Request) -> httpx.Response:
        return self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What GitHub does about a request at this moment."""
        self.github.now = max(self.github.now, self.now())
        found = self.github.answer(request.method, request.url.raw_path.decode(), request.headers, request.content)
        if found.drop or found.lost:
            raise httpx.ReadError("connection reset", request=request)
        content = b"" if found.body is None else json.dumps(found.body).encode()
        return httpx.Response(found.status, headers=dict(found.headers), content=content)

    # What the Task controller and people do.

    async def create(self, name: str = "shop-bugs-1", **known: Any) -> Manifest:
        manifest = reported.manifest(name, **known)
        meta = {key: value for key, value in manifest["metadata"].items() if key not in ("uid", "resourceVersion")}
        meta.pop("creationTimestamp")
        status = manifest.pop("status", None)
        made = await self.cluster.create(TASK, {**manifest, "metadata": meta})
        return made if status is None else await self.set_status(name, status)

    async def set_status(self, name: str, status: Manifest) -> Manifest:
        return await self.cluster.patch(TASK, make.NAMESPACE, name, {"status": status}, subresource="status")

    async def delete(self, name: str) -> None:
        with suppress(NotFound):
            await self.cluster.delete(TASK, make.NAMESPACE, name)

    async def task(self, name: str = "shop-bugs-1") -> Manifest | None:
        with suppress(NotFound):
            return await self.cluster.get(TASK, make.NAMESPACE, name)
        return None

    async def notes(self, name: str = "shop-bugs-1") -> dict[str, str]:
        """The annotations, by the end of their names."""
        task = await self.task(name) or {"metadata": {}}
        return {key.partition("/")[2]: text for key, text in task["metadata"].get("annotations", {}).items()}

    async def is_owed(self, name: str = "shop-bugs-1") -> bool:
        task = await self.task(name) or {"metadata": {}}
        return names.FINALIZER_REPORT in task["metadata"].get("finalizers", ())

    async def events(self) -> list[str]:
        with suppress(ClusterError):
            found = (await self.cluster.list(EVENT, make.NAMESPACE)).items
            return sorted(f"{event['reason']}: {event['message']}" for event in found)
        return []

    # What there is to see at GitHub.

    def comments(self) -> dict[int, str]:
        shown = self.github.shop.comments.listed(self.github.step)
        return {comment["id"]: comment["body"] for comment in shown}

    def check_runs(self) -> list[dict[str, Any]]:
        return list(self.github.shop.check_runs.listed(self.github.step))

    def statuses(self) -> list[dict[str, Any]]:
        return list(self.github.shop.statuses.listed(self.github.step))


async def wait(seconds: float = 5.0) -> None:
    """Let reporters work."""
    await asyncio.sleep(seconds)
