"""Read the branch lock of a Task: who has it, whose pods may still push, who came first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from kelos.api import names
from kelos.api.codec import parse_task, parse_workspace
from kelos.api.kinds import LEASE, POD, TASK, Manifest
from kelos.api.task import Task
from kelos.cluster.protocol import Cluster
from kelos.controllers.reading import find, is_finished, list_all
from kelos.controllers.task_caches import TaskCaches, age_of
from kelos.errors import UserError
from kelos.tasks.branch import lock_label
from kelos.tasks.evidence.facts import read_pod
from kelos.tasks.status import timestamp
from kelos.tasks.view import BranchLock, TaskView


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchReader:
    """Caches tell who queues; what decides about taking the lock is read from the API."""

    cluster: Cluster
    caches: TaskCaches

    def cached(self, view: TaskView) -> BranchLock:
        """The lock as the caches have it: good enough to wait, for whoever has it will be seen to leave."""
        namespace, label = view.task.meta.namespace, lock_label(view.task, view.workspace)
        lock = read_lock(label, self.caches.leases.get(namespace, BranchLock(label=label).lease_name))
        return replace(
            lock,
            holder_is_over=_is_over(lock, self.caches.tasks.get(namespace, lock.holder)),
            pods_of_others=_of_others(view.task, self.caches.pods.by("lock", f"{namespace}/{label}")),
            ahead=self._ahead(view.task, label),
        )

    async def fresh(self, view: TaskView) -> BranchLock:
        """The lock as the API has it: good enough to take it."""
        namespace, label = view.task.meta.namespace, lock_label(view.task, view.workspace)
        lock = read_lock(label, await find(self.cluster, LEASE, namespace, BranchLock(label=label).lease_name))
        holder = await find(self.cluster, TASK, namespace, lock.holder) if lock.holder else None
        pods = await list_all(self.cluster, POD, namespace, labels=f"{names.LABEL_BRANCH_LOCK}={label}")
        return replace(
            lock,
            holder_is_over=_is_over(lock, holder),
            pods_of_others=_of_others(view.task, pods),
            ahead=self._ahead(view.task, label),
        )

    def _ahead(self, task: Task, label: str) -> str:
        """Who was created before us and waits for nothing but the same branch."""
        created = task.meta.creation_timestamp
        mine = (timestamp(created) if created is not None else "", task.meta.name)
        for other in self.caches.tasks.by("queue", f"{task.meta.namespace}/{task.spec.branch}"):
            if age_of(other) < mine and self._label(other) == label:
                return str(other["metadata"]["name"])
        return ""

    def _label(self, manifest: Manifest) -> str:
        """The lock another Task wants; none when Task or Workspace make no sense: then it does not queue either."""
        try:
            task = parse_task(manifest)
            workspace = self.caches.workspaces.get(task.meta.namespace, task.spec.effective.workspace_name)
            return lock_label(task, parse_workspace(workspace) if workspace is not None else None)
        except UserError:
            return ""


def read_lock(label: str, lease: Manifest | None) -> BranchLock:
    if lease is None:
        return BranchLock(label=label)
    return BranchLock(
        label=label,
        lease=lease,
        holder=(lease["metadata"].get("annotations") or {}).get(names.ANNOTATION_HOLDER, ""),
        holder_uid=str((lease.get("spec") or {}).get("holderIdentity") or ""),
    )


def _is_over(lock: BranchLock, holder: Manifest | None) -> bool:
    return holder is None or holder["metadata"]["uid"] != lock.holder_uid or is_finished(holder)


def _of_others(task: Task, pods: Iterable[Manifest]) -> tuple[str, ...]:
    """Tasks, maybe long gone, whose pods still run on the branch."""
    found = set()
    for pod in pods:
        meta = pod["metadata"]
        if meta["labels"].get(names.LABEL_TASK_UID) != task.meta.uid and not read_pod(pod).is_over:
            found.add((meta.get("annotations") or {}).get(names.LABEL_TASK, meta["name"]))
    return tuple(sorted(found))
