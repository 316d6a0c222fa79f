"""Read the locks of a Task: who has them, whose pods may still use what they keep, who came first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from kelos.api import names
from kelos.api.codec import parse_task, parse_workspace
from kelos.api.conditions import timestamp
from kelos.api.kinds import LEASE, POD, TASK, Manifest
from kelos.api.task import Task
from kelos.cluster.protocol import Cluster
from kelos.controllers.reading import find, is_finished, list_all
from kelos.controllers.task_caches import TaskCaches, age_of, place_of
from kelos.errors import UserError
from kelos.tasks.evidence.facts import read_pod
from kelos.tasks.held.locks import LABELS, wanted_locks
from kelos.tasks.view import Lock, TaskView


@dataclass(frozen=True, slots=True, kw_only=True)
class LockReader:
    """Caches tell who queues; what decides about taking a lock is read from the API."""

    cluster: Cluster
    caches: TaskCaches

    def cached(self, view: TaskView) -> tuple[Lock, ...]:
        """The locks as the caches have them: good enough to wait, for whoever has one will be seen to leave."""
        return tuple(self._cached(view.task, lock) for lock in wanted_locks(view.task, view.workspace))

    async def fresh(self, view: TaskView) -> tuple[Lock, ...]:
        """The locks as the API has them: good enough to take them."""
        return tuple([await self._fresh(view.task, lock) for lock in wanted_locks(view.task, view.workspace)])

    def _cached(self, task: Task, wanted: Lock) -> Lock:
        namespace = task.meta.namespace
        lock = with_lease(wanted, self.caches.leases.get(namespace, wanted.lease_name))
        return replace(
            lock,
            holder_is_over=_is_over(lock, self.caches.tasks.get(namespace, lock.holder)),
            pods_of_others=_of_others(task, self.caches.pods.by("lock", f"{namespace}/{lock.label}")),
            ahead=self._ahead(task, lock),
        )

    async def _fresh(self, task: Task, wanted: Lock) -> Lock:
        namespace = task.meta.namespace
        lock = with_lease(wanted, await find(self.cluster, LEASE, namespace, wanted.lease_name))
        holder = await find(self.cluster, TASK, namespace, lock.holder) if lock.holder else None
        pods = await list_all(self.cluster, POD, namespace, labels=f"{LABELS[lock.scope]}={lock.label}")
        return replace(
            lock,
            holder_is_over=_is_over(lock, holder),
            pods_of_others=_of_others(task, pods),
            ahead=self._ahead(task, lock),
        )

    def _ahead(self, task: Task, lock: Lock) -> str:
        """Who was created before us and waits for nothing but the same lock."""
        created = task.meta.creation_timestamp
        mine = (timestamp(created) if created is not None else "", task.meta.name)
        for other in self.caches.tasks.by("queue", place_of(lock.scope, task.meta.namespace, lock.name)):
            if age_of(other) < mine and lock.label in self._labels(other):
                return str(other["metadata"]["name"])
        return ""

    def _labels(self, manifest: Manifest) -> Iterable[str]:
        """The locks another Task wants; none when Task or Workspace make no sense: then it does not queue either."""
        try:
            task = parse_task(manifest)
            workspace = self.caches.workspaces.get(task.meta.namespace, task.spec.effective.workspace_name)
            found = wanted_locks(task, parse_workspace(workspace) if workspace is not None else None)
        except UserError:
            return ()
        return [lock.label for lock in found]


def with_lease(lock: Lock, lease: Manifest | None) -> Lock:
    if lease is None:
        return lock
    return replace(
        lock,
        lease=lease,
        holder=(lease["metadata"].get("annotations") or {}).get(names.ANNOTATION_HOLDER, ""),
        holder_uid=str((lease.get("spec") or {}).get("holderIdentity") or ""),
    )


def _is_over(lock: Lock, holder: Manifest | None) -> bool:
    return holder is None or holder["metadata"]["uid"] != lock.holder_uid or is_finished(holder)


def _of_others(task: Task, pods: Iterable[Manifest]) -> tuple[str, ...]:
    """Tasks, maybe long gone, whose pods still run with the lock."""
    found = set()
    for pod in pods:
        meta = pod["metadata"]
        if meta["labels"].get(names.LABEL_TASK_UID) != task.meta.uid and not read_pod(pod).is_over:
            found.add((meta.get("annotations") or {}).get(names.LABEL_TASK, meta["name"]))
    return tuple(sorted(found))
