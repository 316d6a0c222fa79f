"""Play one script: real engines over the local plane's store, in virtual time, watched at every step."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any

import make
from kelos.api import names
from kelos.api.kinds import TASK, TASK_SPAWNER, WORKSPACE, Kind, Manifest
from kelos.api.task_spawner import TaskSpawner
from kelos.api.work_item import WorkItem
from kelos.api.workspace import Workspace
from kelos.cluster.watch import Cache
from kelos.controllers.task_caches import build_caches
from kelos.controllers.task_spawner.engine import SpawnerCaches, SpawnerController
from kelos.errors import Forbidden, RemoteError
from kelos.local.cluster import LocalCluster
from kelos.sources.cron import CronSource, Schedule
from kelos.sources.protocol import Source
from simulation.door import Door, Weather
from simulation.mortals import Mortals, Process
from simulation.plane import new_plane
from simulation.scenario import CALM_AT
from simulation.schedule import START, _quiet
from simulation.spawning.laws import Laws
from simulation.spawning.people import People, Workers
from simulation.spawning.script import Script
from simulation.spawning.tracker import IssueSource, Tracker
from simulation.watchman import Violation
from virtual_time import VirtualLoop

LONGEST_SECONDS = 1200.0
LOOK_SECONDS = 5.0
REST_LOOKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of a script. The same script always comes to the same."""

    violations: tuple[Violation, ...]
    seconds: float
    tasks: int
    started: int
    trace: tuple[str, ...] = ()


def play(script: Script, *, with_trace: bool = False) -> Played:
    """Play it to its rest, or to the first violation."""
    with _quiet(), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        stage = Stage(script, runner.get_loop(), with_trace)
        runner.run(stage.play())
    return Played(
        violations=tuple(stage.laws.violations),
        seconds=stage.ended_at,
        tasks=len(stage.laws.tasks),
        started=len(stage.workers.started),
        trace=tuple(stage.trace),
    )


class Tally:
    def looked(self, items: int, seconds: float) -> None: ...

    def look_failed(self, seconds: float) -> None: ...

    def created(self) -> None: ...


@dataclass(frozen=True)
class Sources:
    """The tracker for issues, the real one for schedules."""

    tracker: Tracker

    async def of(self, spawner: TaskSpawner, workspace: Workspace | None, schedule: Schedule) -> Source:
        if spawner.spec.when.cron is not None:
            return CronSource(spawner.spec.when.cron, schedule)
        issues = spawner.spec.when.github_issues
        assert issues is not None
        return IssueSource(self.tracker, asks=bool(issues.trigger_comment))

    async def context(self, spawner: TaskSpawner, item: WorkItem) -> Mapping[str, str]:
        if self.tracker.weather.amount("context is down"):
            raise RemoteError("the wiki did not answer")
        return {}


class Recipe:
    """Names and Tasks as simple as can be."""

    def name(self, spawner: TaskSpawner, item: WorkItem, *, is_first: bool, attempt: int) -> str:
        name = f"{spawner.meta.name}-{item.key}".lower()
        digest = sha256(f"{item.trigger.key} {attempt}".encode()).hexdigest()[:8]
        return name if is_first and not attempt else f"{name}-{digest}"

    def build(self, spawner: TaskSpawner, workspace: Workspace | None, item: WorkItem, *, name: str, **_: Any) -> Any:
        owner = {"apiVersion": TASK_SPAWNER.api_version, "kind": TASK_SPAWNER.kind, "controller": True}
        made_for = json.dumps({"key": item.key, "trigger": item.trigger.key})
        meta = {
            "labels": {names.LABEL_SPAWNER: spawner.meta.name},
            "annotations": {names.ANNOTATION_ADMISSION: "required", names.ANNOTATION_ITEM: made_for},
            "finalizers": [names.FINALIZER_SPAWNED],
            "ownerReferences": [{**owner, "name": spawner.meta.name, "uid": spawner.meta.uid}],
        }
        return make.task_manifest(name, meta={**meta, "namespace": spawner.meta.namespace})

    def problems(self, spawner: TaskSpawner) -> tuple[str, ...]:
        return ()


class Log:
    """A pass that breaks is a bug of ours, whatever the weather."""

    def __init__(self, laws: Laws, trace: Callable[[str], None]) -> None:
        self._laws = laws
        self._trace = trace

    def warning(self, event: str, **fields: object) -> None:
        self._trace(f"log: {event} {fields}")

    info = error = warning

    def exception(self, event: str, **fields: object) -> None:
        import traceback

        self._laws.complain("does not break", f"{event} {fields}: {traceback.format_exc()}")


@dataclass
class LateDoor(Door):
    """Tasks that are created through it may arrive when nobody expects them any more."""

    creates_until: float = 0.0

    async def create(self, kind: Kind, manifest: Manifest, **options: Any) -> Manifest:
        if kind is TASK and self.weather.amount("quota is spent"):
            raise Forbidden(f"tasks.kelos.dev {manifest['metadata']['name']!r} is forbidden: exceeded quota: tasks")
        if kind is TASK and (seconds := self.creates_until - asyncio.get_running_loop().time()) > 0:
            late = asyncio.ensure_future(self._late(seconds, kind, manifest, options))
            late.add_done_callback(lambda task: task.cancelled() or task.exception())  # its sender may be gone
            return await asyncio.shield(late)
        return await super().create(kind, manifest, **options)

    async def _late(self, seconds: float, kind: Kind, manifest: Manifest, options: Any) -> Manifest:
        await asyncio.sleep(seconds)
        return await self.cluster.create(kind, manifest, **options)


class Stage(Mortals[Process]):
    """One performance of a script."""

    role = "engine"

    def __init__(self, script: Script, loop: asyncio.AbstractEventLoop, with_trace: bool) -> None:
        super().__init__(loop, with_trace=with_trace)
        self.script = script
        self.rng = Random(f"calls {script.seed}")
        self._skew = timedelta()
        self.ended_at = 0.0
        self.plane = new_plane(self.now, Random(f"names {script.seed}"), self._witness)
        self.cluster = LocalCluster(self.plane)
        self.weather = Weather([fault for fault in script.faults if fault.until > fault.at])
        self.tracker = Tracker(clock=loop.time, now=self.now, weather=self.weather)
        self.people = People(self.cluster, self.tracker)
        self.workers = Workers(self.cluster, Random(f"workers {script.seed}"), loop.time, self.now)
        self.laws = Laws(self.people, self.workers, self.tracker)

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time())

    async def play(self) -> None:
        await self.cluster.create(WORKSPACE, make.workspace_manifest())
        self._start_process()
        self._spawn(self._work())
        agenda: list[tuple[float, Callable[[], Any]]] = []
        agenda += [(deed.at, partial(self._deed, deed)) for deed in self.script.deeds]
        for fault in self.script.faults:
            agenda += [(fault.at, partial(self._begin, fault)), (fault.until, partial(self._finish, fault))]
        for at, act in sorted(agenda, key=lambda each: each[0]):
            await self._until(at)
            if self.laws.violations:
                break
            await act()
        await self._until(CALM_AT)
        await self._calm()
        for process in self.processes:
            self._kill(process)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self.ended_at = self._loop.time()

    async def _calm(self) -> None:
        if not self.processes:
            self._start_process()
        quiet = 0
        while self._loop.time() < LONGEST_SECONDS and not self.laws.violations and quiet < REST_LOOKS:
            await asyncio.sleep(LOOK_SECONDS)
            quiet = quiet + 1 if self.laws.is_at_rest(self.plane.store) else 0
        if not self.laws.violations:
            self.laws.at_the_end(self.plane.store)

    async def _work(self) -> None:
        rng = Random(f"pace {self.script.seed}")
        while True:
            await self.workers.step()
            self.laws.at_every_step()
            await asyncio.sleep(rng.uniform(0.2, 2.0))

    async def _deed(self, deed: Any) -> None:
        self._note(f"people: {deed.do} {deed.name} {deed.detail}")
        await self.people.do(deed)

    async def _begin(self, fault: Any) -> None:
        self._note(f"weather: {fault.what} {fault.kind} {fault.amount:.2f} until {fault.until:.2f}")
        match fault.what:
            case "crash" if self.processes:
                self._kill(self.processes.pop())
            case "crash after writes" if self.processes:
                self.processes[-1].left_writes = fault.amount
            case "twin" | "takeover":
                self._start_process()
            case "outage":
                for process in self.processes:
                    process.door.cluster.end_watches()
            case "sleeper":
                for process in self.processes:
                    process.door.sleeps_until = fault.until
                self._start_process()
            case "late creates":
                for process in self.processes:
                    process.door.creates_until = fault.until
                self._start_process()
            case "clock jump":
                self._skew += timedelta(seconds=fault.amount)

    async def _finish(self, fault: Any) -> None:
        if fault.what in ("twin", "takeover", "late creates") and len(self.processes) > 1:
            leaver = self.processes.pop(0)
            leaver.running.cancel()
            await asyncio.wait({leaver.running})
        if fault.what == "clock jump":
            self._skew = timedelta()
        if not self.processes:
            self._start_process()

    def _start_process(self) -> None:
        door = LateDoor(LocalCluster(self.plane), self.weather, self.rng, self._sent)
        found = build_caches(door, None, partial(Cache, rng=self.rng))  # type: ignore[arg-type]
        caches = SpawnerCaches(spawners=found.spawners, tasks=found.tasks, workspaces=found.workspaces)
        controller = SpawnerController(
            door,  # type: ignore[arg-type]
            caches=caches,
            sources=Sources(self.tracker),
            recipe=Recipe(),
            now=lambda: self.now() + self._skew,
            monotonic=self._loop.time,
            log=Log(self.laws, self._note),  # type: ignore[arg-type]
            tally=Tally(),
            rng=self.rng,
        )
        running = asyncio.ensure_future(_run(controller, caches))
        self._host(Process(door=door, running=running))

    def _complain(self, law: str, why: str) -> None:
        self.laws.complain(law, why)

    def _sent(self, letter: Any) -> None:
        about = letter.about
        name = about["metadata"]["name"] if isinstance(about, dict) else about[1]
        self._note(f"sent: {letter.verb} {letter.kind} {name}")

    def _witness(self, key: Any, before: Any, after: Any) -> None:
        if self._with_trace:
            self._note(f"{key.resource} {key.name}: {'gone' if after is None else _digest(after.manifest)}")
        if key.namespace and not key.resource.startswith("serviceaccounts"):
            self.laws.witness(key, before, after)


async def _run(controller: SpawnerController, caches: SpawnerCaches) -> None:
    watching = [asyncio.create_task(cache.run()) for cache in caches]
    try:
        await controller.run()
    finally:
        for task in watching:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*watching, return_exceptions=True)


def _digest(manifest: Manifest) -> str:
    meta, status = manifest["metadata"], manifest.get("status") or {}
    facts = {
        "v": meta["resourceVersion"],
        "uid": meta["uid"][:6],
        "finalizers": meta.get("finalizers"),
        "deleted": meta.get("deletionTimestamp"),
        "phase": status.get("phase"),
        "message": status.get("message"),
        "data": manifest.get("data"),
    }
    return " ".join(f"{name}={value}" for name, value in facts.items() if value)
