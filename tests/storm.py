"""Bad weather for a simulation: everything that goes wrong between a controller and its cluster, by one seed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from kelos.api.kinds import JOB, LEASE, POD, TASK, Kind, Manifest
from kelos.api.names import FINALIZER_OUTCOME, LABEL_TASK_UID
from kelos.cluster.protocol import Change
from kelos.controllers.task_caches import Key
from kelos.errors import AlreadyExists, Conflict, Unavailable
from kelos.local.cluster import LocalCluster
from world import Process, World

CHAOS_ROUNDS = 40
CALM_ROUNDS = 300
READS, WRITES = ("get", "list"), ("create", "replace", "patch", "delete")


@dataclass
class Weather:
    """Chances of each mishap, per call or per round."""

    error: float = 0.0
    lost_answer: float = 0.0
    lost_wake: float = 0.0
    frozen_cache: float = 0.0
    clock_jump: float = 0.0
    crash: float = 0.0
    pause: float = 0.0
    eviction: float = 0.0
    copies: float = 0.0


class Between:
    """The cluster as one process sees it: calls fail, answers get lost, single caches stand still, writes hang."""

    def __init__(self, cluster: LocalCluster, weather: Weather, rng: Random) -> None:
        self._cluster = cluster
        self._weather = weather
        self._rng = rng
        self.writes_may_go = asyncio.Event()
        self.writes_may_go.set()
        self._flows: dict[str, asyncio.Event] = {}

    def __getattr__(self, name: str) -> Any:
        deed = getattr(self._cluster, name)
        if name not in READS + WRITES:
            return deed

        async def call(*args: Any, **options: Any) -> Any:
            if name in WRITES:
                await self.writes_may_go.wait()
            if self._rng.random() < self._weather.error:
                raise self._rng.choice([Unavailable("no answer"), Conflict("somebody was faster")])
            done = await deed(*args, **options)
            if name in WRITES and self._rng.random() < self._weather.lost_answer:
                raise Unavailable("the answer was lost on its way")
            return done

        return call

    def flow(self, kind: Kind) -> asyncio.Event:
        """Set while the cache of this kind hears of changes."""
        return self._flows.setdefault(kind.kind, asyncio.Event())

    def freeze(self, kind: Kind) -> None:
        self.flow(kind).clear()

    def thaw(self) -> None:
        for event in self._flows.values():
            event.set()

    async def watch(self, kind: Kind, namespace: str | None, **options: Any) -> AsyncIterator[Change]:
        if kind.kind not in self._flows:
            self.flow(kind).set()
        async for change in self._cluster.watch(kind, namespace, **options):
            await self.flow(kind).wait()
            yield change


@dataclass
class Storm:
    """Drives processes by their queues and timers only, in bad weather first, then in calm until nothing changes."""

    world: World
    weather: Weather
    rng: Random
    leaders: int = 1
    passes: int = 0
    _processes: list[tuple[Process, Between]] = field(default_factory=list)
    _due: dict[tuple[int, Key], float] = field(default_factory=dict)
    _paused: list[asyncio.Task[Any]] = field(default_factory=list)
    _ended: dict[str, str] = field(default_factory=dict)

    async def rage(self, rounds: int = CHAOS_ROUNDS) -> None:
        """Bad weather; also starts the processes."""
        self.world.kubernetes.copies = lambda: 2 if self.rng.random() < self.weather.copies else 1
        while len(self._processes) < self.leaders:
            await self._start()
        for _ in range(rounds):
            await self._mishaps()
            await self._round()

    async def calm(self) -> None:
        """Fair weather until nothing moves any more: everything must come right by itself."""
        self.weather.__dict__.update(Weather().__dict__)
        for process, between in self._processes:
            between.thaw()
            between.writes_may_go.set()
            process.controller.resync()
        await asyncio.gather(*self._paused)
        for _ in range(CALM_ROUNDS):
            before = self.world.version
            await self._round()
            if self.world.version == before and not any(len(p.controller.queue) for p, _ in self._processes):
                if await self._is_at_rest():
                    return
                self.world.sleep(5)
        raise AssertionError(f"it never came to rest: {[t.get('status') for t in await self.world.all(TASK)]}")

    async def _start(self) -> None:
        between = Between(self.world.cluster, self.weather, self.rng)
        error, self.weather.error = self.weather.error, 0.0
        self._processes.append((await self.world.run_process(through=between), between))
        self.weather.error = error

    async def _mishaps(self) -> None:
        rng, weather = self.rng, self.weather
        for process, between in list(self._processes):
            if rng.random() < weather.frozen_cache:
                between.freeze(rng.choice([cache.kind for cache in process.controller.caches]))
            elif rng.random() < 0.3:
                between.thaw()
            if rng.random() < weather.crash and between.writes_may_go.is_set():
                await process.stop()
                self.world.processes.remove(process)
                self._processes.remove((process, between))
                await self._start()
            if not between.writes_may_go.is_set() and rng.random() < 0.2:
                between.writes_may_go.set()
        if rng.random() < weather.clock_jump:
            self.world.sleep(rng.choice([1.0, 30.0, 400.0]))
        if rng.random() < weather.eviction:
            running = [p for p in await self.world.all(POD) if (p.get("status") or {}).get("phase") == "Running"]
            for pod in running[:1]:
                await self.world.kubernetes.evict(pod)

    async def _round(self) -> None:
        await self.world.catch_up()
        for number, (process, between) in enumerate(self._processes):
            for key in await self._keys(number, process):
                if between.writes_may_go.is_set() and self.rng.random() < self.weather.pause:
                    between.writes_may_go.clear()
                if between.writes_may_go.is_set():
                    await self._pass(number, process, key)
                else:
                    self._paused.append(asyncio.ensure_future(self._pass(number, process, key)))
        if self.rng.random() < 0.7:
            await self.world.kubernetes.step()
        if self.rng.random() < 0.7:
            await self.world.collect_garbage()
        self.world.sleep(self.rng.uniform(0, 2))
        await self._check_ends()

    async def _keys(self, number: int, process: Process) -> list[Key]:
        keys = []
        queue, now = process.controller.queue, self.world.now().timestamp()
        while len(queue):
            key = await queue.get()
            assert key is not None
            queue.done(key)
            if self.rng.random() >= self.weather.lost_wake:
                keys.append(key)
        due = [(owner, key) for (owner, key), at in self._due.items() if owner == number and at <= now]
        for entry in due:
            del self._due[entry]
            keys.append(entry[1])
        self.rng.shuffle(keys)
        return list(dict.fromkeys(keys))

    async def _pass(self, number: int, process: Process, key: Key) -> None:
        self.passes += 1
        try:
            again = await process.controller.reconcile(key)
        except (Conflict, AlreadyExists, Unavailable):
            again = 0.1
        except Exception as error:
            if type(error).__name__ not in ("NotFound",):
                raise
            again = 0.1
        if again is not None:
            at = self.world.now().timestamp() + again
            self._due[number, key] = min(at, self._due.get((number, key), at))

    async def _check_ends(self) -> None:
        """A terminal phase is final."""
        for task in await self.world.all(TASK):
            uid, phase = task["metadata"]["uid"], (task.get("status") or {}).get("phase")
            ended = self._ended.get(uid)
            assert ended is None or ended == phase, f"{task['metadata']['name']} went from {ended} to {phase}"
            if phase in ("Succeeded", "Failed"):
                self._ended[uid] = phase

    async def _is_at_rest(self) -> bool:
        phases = [(task.get("status") or {}).get("phase") for task in await self.world.all(TASK)]
        return all(phase in ("Succeeded", "Failed") for phase in phases) and not await leftovers(self.world)


async def leftovers(world: World) -> list[str]:
    """What nobody needs any more and somebody should have taken away."""
    tasks = {task["metadata"]["uid"] for task in await world.all(TASK)}
    found = [f"Lease {lease['metadata']['name']}" for lease in await world.all(LEASE)]
    for pod in await world.all(POD):
        meta = pod["metadata"]
        if FINALIZER_OUTCOME in (meta.get("finalizers") or ()) or meta["labels"][LABEL_TASK_UID] not in tasks:
            found.append(f"Pod {meta['name']}")
    return found


def starts_by_task(world: World) -> dict[str, int]:
    """How many agents were started, by Task uid."""
    uids = world.kubernetes.started_uids
    return {uid: uids.count(uid) for uid in uids}


async def jobs_by_owner(world: World) -> dict[str, Manifest]:
    return {job["metadata"]["ownerReferences"][0]["uid"]: job for job in await world.all(JOB)}
