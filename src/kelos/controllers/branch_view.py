"""Read the branch lock of a Task: who has it, whose pods may still push, who came first."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kelos.api import names
from kelos.api.codec import parse_task, parse_workspace
from kelos.api.kinds import LEASE, POD, TASK, Manifest
from kelos.api.reasons import Reason
from kelos.api.task import Task
from kelos.cluster.protocol import Cluster
from kelos.controllers.reading import find, is_finished
from kelos.controllers.task_caches import TaskCaches
from kelos.errors import UserError
from kelos.tasks.branch import HOLDER_NAME, lock_label
from kelos.tasks.evidence.facts import read_pod
from kelos.tasks.view import BranchLock, TaskView


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchReader:
    """Caches tell who queues; what decides about taking the lock is read from the API."""

    cluster: Cluster
    caches: TaskCaches

    def cached(self, view: TaskView) -> BranchLock | None:
        """The lock as the cache has it: good enough to give it back."""
        label = lock_label(view.task, view.workspace)
        if not label:
            return None
        lease = self.caches.leases.get(view.task.meta.namespace, BranchLock(label=label).lease_name)
        return read_lock(label, lease)

    async def fresh(self, view: TaskView) -> BranchLock:
        """The lock as the API has it: good enough to take it."""
        namespace, label = view.task.meta.namespace, lock_label(view.task, view.workspace)
        lock = read_lock(label, await find(self.cluster, LEASE, namespace, BranchLock(label=label).lease_name))
        return replace(
            lock,
            holder_is_over=await self._is_over(namespace, lock),
            pods_of_others=await self._pods_of_others(view.task, label),
            ahead=self._ahead(view.task, label),
        )

    async def _is_over(self, namespace: str, lock: BranchLock) -> bool:
        if not lock.holder:
            return True
        holder = await find(self.cluster, TASK, namespace, lock.holder)
        return holder is None or holder["metadata"]["uid"] != lock.holder_uid or is_finished(holder)

    async def _pods_of_others(self, task: Task, label: str) -> tuple[str, ...]:
        """Tasks, maybe long gone, whose pods still run on the branch."""
        found, more = set(), ""
        while True:
            page = await self.cluster.list(
                POD, task.meta.namespace, labels=f"{names.LABEL_BRANCH_LOCK}={label}", more=more
            )
            for pod in page.items:
                if pod["metadata"]["labels"].get(names.LABEL_TASK_UID) != task.meta.uid and not read_pod(pod).is_over:
                    found.add((pod["metadata"].get("annotations") or {}).get(names.LABEL_TASK, pod["metadata"]["name"]))
            if not (more := page.more):
                return tuple(sorted(found))

    def _ahead(self, task: Task, label: str) -> str:
        """Who was created before us and waits for nothing but the same branch."""
        mine = (task.meta.creation_timestamp, task.meta.name)
        for manifest in self.caches.tasks.by("branch", f"{task.meta.namespace}/{task.spec.branch}"):
            other = parse_task(manifest)
            is_waiting = not (other.is_finished or other.status.job_name or other.is_being_deleted)
            if not is_waiting or other.status.reason not in (None, Reason.BRANCH_HELD):
                continue
            is_before = (other.meta.creation_timestamp, other.meta.name) < mine
            if is_before and self._label(other) == label:
                return other.meta.name
        return ""

    def _label(self, task: Task) -> str:
        """The lock another Task wants; none when its Workspace cannot be read: then it does not queue either."""
        workspace = self.caches.workspaces.get(task.meta.namespace, task.spec.effective.workspace_name)
        try:
            return lock_label(task, parse_workspace(workspace) if workspace is not None else None)
        except UserError:
            return ""


def read_lock(label: str, lease: Manifest | None) -> BranchLock:
    if lease is None:
        return BranchLock(label=label)
    return BranchLock(
        label=label,
        lease=lease,
        holder=(lease["metadata"].get("annotations") or {}).get(HOLDER_NAME, ""),
        holder_uid=str((lease.get("spec") or {}).get("holderIdentity") or ""),
    )
