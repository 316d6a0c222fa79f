"""Observe one TaskSpawner: read, fill a `SpawnerView`, decide nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kelos.api.kinds import TASK, Manifest
from kelos.api.names import FINALIZER_SPAWNED
from kelos.api.task_spawner import TaskSpawner
from kelos.cluster.protocol import Cluster
from kelos.cluster.watch import Cache
from kelos.controllers.reading import find
from kelos.controllers.task_spawner.ledgers import Ledgers
from kelos.controllers.task_spawner.memory import Memory
from kelos.spawning.ledger.ledger import Ledger, Owner
from kelos.spawning.spawned import belongs_to, is_made_by, read_task
from kelos.spawning.view import SpawnedTask, SpawnerView


def owner_of(spawner: TaskSpawner) -> Owner:
    meta = spawner.meta
    return Owner(namespace=meta.namespace, name=meta.name, uid=meta.uid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """`tasks` has an index `spawner`: namespace and name of the TaskSpawner that a Task says it belongs to."""

    cluster: Cluster
    tasks: Cache
    ledgers: Ledgers
    now: Callable[[], datetime]

    def own_tasks(self, owner: Owner) -> tuple[SpawnedTask, ...]:
        """The spawner's Tasks, a moment old."""
        return tuple(read_task(task) for task in self._own(owner))

    def _own(self, owner: Owner) -> list[Manifest]:
        found = self.tasks.by("spawner", f"{owner.namespace}/{owner.name}")
        return [task for task in found if belongs_to(task, owner.uid)]

    def orphans(self, namespace: str, name: str, uid: str = "") -> tuple[SpawnedTask, ...]:
        """Tasks of earlier TaskSpawners of that name that still wait for a word of theirs."""
        found = self.tasks.by("spawner", f"{namespace}/{name}")
        return tuple(read_task(task) for task in found if not uid or not belongs_to(task, uid))

    async def observe(self, spawner: TaskSpawner, status: Manifest, memory: Memory) -> SpawnerView | None:
        """The photograph; None when there is no ledger yet. Raises UserError when the ledger makes no sense.

        The ledger is read after the Tasks: it must know of every Task that is seen.
        """
        owner = owner_of(spawner)
        own = self._own(owner)
        tasks = tuple(read_task(task) for task in own)
        ledger = await self.ledgers.read(owner)
        if ledger is None:
            return None
        made = {task["metadata"]["name"] for task in own if is_made_by(task, owner.uid)}
        late, absent = await self._look_for(ledger, made)
        return SpawnerView(
            spawner=spawner,
            status=status,
            now=self.now(),
            ledger=ledger,
            tasks=(*tasks, *late),
            absent=absent,
            discovery=memory.discovery,
            looked=memory.looked,
            troubles=memory.troubles,
        )

    async def _look_for(self, ledger: Ledger, seen: set[str]) -> tuple[tuple[SpawnedTask, ...], frozenset[str]]:
        """Tasks that were claimed and are not in the cache: the cache may be late."""
        late: list[SpawnedTask] = []
        absent: set[str] = set()
        for claim in ledger.head.claims.values():
            if claim.name in seen:
                continue
            found = await find(self.cluster, TASK, ledger.owner.namespace, claim.name)
            if found is not None and is_made_by(found, ledger.owner.uid):
                late.append(read_task(found))
            else:
                absent.add(claim.name)
        return tuple(late), frozenset(absent)


def concerns_its_spawner(old: Manifest | None, new: Manifest | None) -> bool:
    """Whether a change of a Task is worth a pass over its TaskSpawner."""
    if old is None or new is None:
        return True
    before, after = read_task(old), read_task(new)
    return before.is_finished != after.is_finished or (
        FINALIZER_SPAWNED in (new["metadata"].get("finalizers") or ()) and before != after
    )
