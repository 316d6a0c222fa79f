"""The engine: looks at the sources of all TaskSpawners, each in its own time, and makes Tasks of what they show."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random

from kelos.api.kinds import SECRET, Manifest
from kelos.apply import Systems
from kelos.cluster.protocol import Cluster
from kelos.cluster.queue import Meter, Queue
from kelos.cluster.watch import Cache
from kelos.controllers.input_watch import InputWatches
from kelos.controllers.loop import Log, Loop
from kelos.controllers.loop import Meter as PassMeter
from kelos.controllers.task_caches import Key, key_of, namespace_of
from kelos.controllers.task_spawner.hosts import Hosts, OwnPlace
from kelos.controllers.task_spawner.ledgers import Ledgers
from kelos.controllers.task_spawner.maker import Maker
from kelos.controllers.task_spawner.observer import Observer, concerns_its_spawner
from kelos.controllers.task_spawner.parts import Recipe, Sources, Tally
from kelos.controllers.task_spawner.passes import Passes
from kelos.controllers.task_spawner.scout import Scout
from kelos.settings import Settings
from kelos.sources.shelf import Shelf
from kelos.spawning.spawned import spawner_name

WORKERS = 64
"""Far more than for Tasks: most of a pass may be waiting for somebody else's server, for a minute when that is down,
and the spawners of other servers shall not wait with it."""
LONGEST_PASS_SECONDS = 900.0
RESYNC_SECONDS = 600.0
SHARED_ONLY = Settings(spawner_image=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnerCaches:
    """What the engine watches; the Task controller beside it holds the same objects already."""

    spawners: Cache
    tasks: Cache
    workspaces: Cache

    def __iter__(self) -> Iterator[Cache]:
        yield from (self.spawners, self.tasks, self.workspaces)


class SpawnerController:
    """Drives every TaskSpawner of a namespace, or of the cluster. Its caches are run by somebody else."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        caches: SpawnerCaches,
        sources: Sources,
        recipe: Recipe,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        log: Log,
        tally: Tally,
        rng: Random | None = None,
        meter: Meter | None = None,
        passes: PassMeter | None = None,
        settings: Settings = SHARED_ONLY,
        is_own: bool = False,
        shelf: Shelf | None = None,
    ) -> None:
        """`is_own`: this process is there for one Dedicated spawner, and somebody else looks after its life.

        What is kept from sources is on the `shelf`."""
        rng = rng or Random()
        self.caches = caches
        self.queue: Queue[Key] = Queue(meter=meter, rng=rng, party_of=_namespace)
        self._missing = InputWatches(cluster, SECRET, self._try_now)
        systems = Systems(cluster=cluster, now=now, warn=log.warning, learn=caches.spawners.learn, monotonic=monotonic)
        ledgers = Ledgers(cluster)
        self._passes = Passes(
            cluster=cluster,
            spawners=caches.spawners,
            workspaces=caches.workspaces,
            observer=Observer(cluster=cluster, tasks=caches.tasks, ledgers=ledgers, now=now),
            ledgers=ledgers,
            scout=Scout(now=now, monotonic=monotonic, rng=rng, tally=tally, log=log),
            maker=Maker(systems=systems, sources=sources, recipe=recipe, now=now, rng=rng, tally=tally, log=log),
            missing=self._missing,
            shelf=shelf or Shelf(),
            places=OwnPlace() if is_own else Hosts(systems=systems, settings=settings),
        )
        self._loop = Loop("task-spawner", self.queue, self.reconcile, log, describe=_names, meter=passes)
        self._subscribe()

    async def run(self, workers: int = WORKERS) -> None:
        """Run until cancelled. Decisions begin when every cache is complete."""
        for cache in self.caches:
            await cache.wait_synced()
        resync = asyncio.create_task(self._look_at_everything())
        try:
            await self._loop.run(workers)
        finally:
            resync.cancel()
            await asyncio.gather(resync, self.close(), return_exceptions=True)

    async def close(self) -> None:
        """End what passes have started."""
        await self._missing.close()

    async def reconcile(self, key: Key) -> float | None:
        """One pass over one TaskSpawner; in how many seconds to look again."""
        return await self._passes.reconcile(key)

    def complaint(self) -> str:
        """What only a restart can mend, in a sentence; empty when all is well."""
        match self.queue.longest_work():
            case ((namespace, name), seconds) if seconds > LONGEST_PASS_SECONDS:
                return f"A pass over TaskSpawner '{name}' in namespace '{namespace}' has lasted {seconds:.0f} seconds"
        return ""

    def resync(self) -> None:
        """Have every TaskSpawner passed, and those that are gone and still named by Tasks: the net below wake-ups."""
        for manifest in self.caches.spawners.list():
            self.queue.add(key_of(manifest))
        for task in self.caches.tasks.list():
            if task["metadata"].get("finalizers") and (name := spawner_name(task)):
                self.queue.add((namespace_of(task), name))

    async def _look_at_everything(self) -> None:
        while True:
            self.resync()
            await asyncio.sleep(RESYNC_SECONDS)

    def _try_now(self, key: Key) -> None:
        self._passes.look_soon(key)
        self.queue.add(key)

    def _subscribe(self) -> None:
        def spawner_changed(old: Manifest | None, new: Manifest | None) -> None:
            last = new if new is not None else old
            if last is not None and (old is None or new is None or _wish(old) != _wish(new)):
                self.queue.add(key_of(last))

        def task_changed(old: Manifest | None, new: Manifest | None) -> None:
            last = new if new is not None else old
            if last is not None and (name := spawner_name(last)) and concerns_its_spawner(old, new):
                self.queue.add((namespace_of(last), name))

        def workspace_changed(old: Manifest | None, new: Manifest | None) -> None:
            last = new if new is not None else old
            if last is not None and (old or {}).get("spec") != (new or {}).get("spec"):
                for spawner in self.caches.spawners.by("workspace", "/".join(key_of(last))):
                    self._try_now(key_of(spawner))

        self.caches.spawners.subscribe(spawner_changed)
        self.caches.tasks.subscribe(task_changed)
        self.caches.workspaces.subscribe(workspace_changed)


def _wish(spawner: Manifest) -> tuple[object, ...]:
    """What somebody wants of it, without what we say about it."""
    meta = spawner["metadata"]
    return meta.get("generation"), "deletionTimestamp" in meta, meta.get("finalizers")


def _namespace(key: Key) -> str:
    """The border between tenants: nobody's slow or hostile servers keep the workers from everybody else."""
    return key[0]


def _names(key: Key) -> dict[str, str]:
    return {"namespace": key[0], "taskspawner": key[1]}
