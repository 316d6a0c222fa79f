"""A cluster in memory, controllers that may die, and `settle`: run passes until nothing changes.

The controller, its caches, the API server's verbs and the admission rules are the real ones; Kubernetes' own
controllers and the clock are played.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import app_keys
from fakes.github_app import GitHub
from kelos.api.kinds import CRD, JOB, LEASE, NAMESPACE, POD, SECRET, TASK, Kind, Manifest
from kelos.clients.token_desk import TokenDesk
from kelos.controllers.task import TaskController
from kelos.controllers.task_caches import Key
from kelos.errors import ClusterError, Conflict, NotFound
from kelos.install.crds import build_crds
from kelos.local.cluster import LocalCluster
from kelos.local.server.serving import open_plane
from kelos.local.store import Store
from kelos.settings import Settings
from make import NAMESPACE as TEAM
from played_kubernetes import PlayedKubernetes, Run

ROUNDS = 200
LONGEST_JUMP_SECONDS = 3600.0


class Died(Exception):
    """The process is gone: nothing after this line happens."""


class Deadly:
    """A cluster seen by one controller process: it counts writes and dies after the given number of them."""

    def __init__(self, cluster: LocalCluster, dies_after: int | None) -> None:
        self._cluster = cluster
        self._left = dies_after
        self.writes: list[str] = []
        self.is_dead = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    async def create(self, kind: Kind, manifest: Manifest, **options: Any) -> Manifest:
        return await self._write("create", kind, self._cluster.create(kind, manifest, **options))

    async def replace(self, kind: Kind, manifest: Manifest, **options: Any) -> Manifest:
        return await self._write("replace", kind, self._cluster.replace(kind, manifest, **options))

    async def patch(self, kind: Kind, *where: Any, **options: Any) -> Manifest:
        verb = "status" if options.get("subresource") else "patch"
        return await self._write(verb, kind, self._cluster.patch(kind, *where, **options))

    async def delete(self, kind: Kind, *where: Any, **options: Any) -> None:
        await self._write("delete", kind, self._cluster.delete(kind, *where, **options))

    async def _write(self, verb: str, kind: Kind, deed: Any) -> Any:
        if self.is_dead:
            deed.close()
            raise Died
        done = await deed
        self.writes.append(f"{verb} {kind}")
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self.is_dead = True
                raise Died
        return done


class Process:
    """One controller process, driven pass by pass."""

    def __init__(self, world: World, dies_after: int | None = None, *, through: Any = None) -> None:
        self.cluster = Deadly(through or world.cluster, dies_after)
        self.controller = TaskController(
            self.cluster,  # type: ignore[arg-type]
            settings=Settings(),
            now=world.now,
            monotonic=lambda: world.now().timestamp(),
            log=SilentLog(),
            tokens=TokenDesk(
                app_keys.client(world.github),
                now=world.now,
                monotonic=lambda: world.now().timestamp(),
                chance=lambda: 1.0,
            ),
        )
        self._watching = [asyncio.ensure_future(cache.run()) for cache in self.controller.caches]

    async def start(self) -> Process:
        await self.controller.wait_synced()
        return self

    async def stop(self) -> None:
        await self.controller.close()
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)

    async def reconcile(self, key: Key) -> float | None:
        """One pass; an error of the cluster means soon again. Raises Died."""
        try:
            return await self.controller.reconcile(key)
        except ClusterError:
            return 0.1


class SilentLog:
    def info(self, event: str, **fields: object) -> None: ...

    def warning(self, event: str, **fields: object) -> None: ...

    def error(self, event: str, **fields: object) -> None: ...

    def exception(self, event: str, **fields: object) -> None: ...


class World:
    """Everything of one simulation. Use as `async with World() as world`."""

    def __init__(self) -> None:
        self._skew = timedelta()
        self._plane = open_plane(Store())
        self.cluster = LocalCluster(self._plane)
        self.kubernetes = PlayedKubernetes(self.cluster, self.now)
        self.github = GitHub(app_keys.app(), now=lambda: self.now().timestamp())
        self.processes: list[Process] = []
        self.jobs_created = 0

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self._skew

    def sleep(self, seconds: float) -> None:
        self._skew += timedelta(seconds=seconds)

    async def __aenter__(self) -> World:
        for crd in build_crds():
            await self.cluster.create(CRD, crd)
        meta = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}}
        await self.cluster.create(NAMESPACE, meta)
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.processes:
            await process.stop()

    async def run_process(self, dies_after: int | None = None, *, through: Any = None) -> Process:
        """Start a controller; `through` stands between it and the cluster."""
        process = await Process(self, dies_after, through=through).start()
        self.processes.append(process)
        return process

    async def replace_process(self, dead: Process) -> Process:
        """Another process takes over where the dead one left everything."""
        await dead.stop()
        self.processes.remove(dead)
        return await self.run_process()

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        return await self.cluster.create(kind, manifest)

    async def task(self, name: str = "fix-bug") -> Manifest:
        return await self.cluster.get(TASK, TEAM, name)

    async def annotate(self, name: str, **annotations: str) -> None:
        body = {"metadata": {"annotations": {key.replace("_", "/"): value for key, value in annotations.items()}}}
        await self.cluster.patch(TASK, TEAM, name, body)

    async def all(self, kind: Kind) -> list[Manifest]:
        return list((await self.cluster.list(kind, None)).items)

    async def keys(self) -> list[Key]:
        """Tasks, and gone Tasks that pods remember."""
        found = {(TEAM, task["metadata"]["name"]) for task in await self.all(TASK)}
        found |= {(TEAM, pod["metadata"]["annotations"]["kelos.dev/task"]) for pod in await self.all(POD)}
        return sorted(found)

    async def catch_up(self) -> None:
        """Let every cache see what has been written."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def collect_garbage(self) -> None:
        """Dependents of gone owners are deleted, as the garbage collector would."""
        alive = {m["metadata"]["uid"] for kind in (TASK, JOB) for m in await self.all(kind)}
        for kind in (JOB, POD, LEASE, SECRET):
            for manifest in await self.all(kind):
                meta = manifest["metadata"]
                owners = meta.get("ownerReferences") or ()
                if owners and not any(owner["uid"] in alive for owner in owners) and "deletionTimestamp" not in meta:
                    with suppress(NotFound, Conflict):
                        await self.cluster.delete(kind, meta["namespace"], meta["name"])

    @property
    def version(self) -> int:
        return self._plane.store.version


async def settle(world: World, process: Process) -> Process:
    """Run passes, Kubernetes and the clock until nothing changes any more; fail if that never happens.

    A process that dies is replaced. Returns the process that was there at the end.
    """
    for _ in range(ROUNDS):
        before = world.version
        waits: list[float] = []
        await world.catch_up()
        for key in await world.keys():
            try:
                again = await process.reconcile(key)
            except Died:
                process = await world.replace_process(process)
                again = 0.1
            await world.catch_up()
            waits += [again] if again is not None else []
        await world.kubernetes.step()
        await world.collect_garbage()
        if world.version != before:
            continue
        due = [seconds for seconds in waits if seconds <= LONGEST_JUMP_SECONDS]
        if not due or await _is_at_rest(world):
            return process
        world.sleep(min(due) + 0.01)
    raise AssertionError(f"The world never came to rest: {[m.get('status') for m in await world.all(TASK)]}")


async def _is_at_rest(world: World) -> bool:
    """Every Task has ended and nothing is left that somebody must still take away."""
    phases = [(task.get("status") or {}).get("phase") for task in await world.all(TASK)]
    return bool(phases) and all(phase in ("Succeeded", "Failed") for phase in phases)


__all__ = ["Died", "Process", "Run", "World", "settle"]
