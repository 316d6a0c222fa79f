"""Observe one Task: read, fill a `TaskView`, decide nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kelos.api import names
from kelos.api.codec import parse_agent_config, parse_task, parse_workspace
from kelos.api.kinds import JOB, LEASE, POD, SECRET, TASK, Kind, Manifest
from kelos.api.reasons import Phase, Reason
from kelos.api.task import Task
from kelos.cluster.protocol import Cluster
from kelos.controllers.task_caches import TaskCaches
from kelos.errors import ClusterError, Invalid, NotFound
from kelos.pods.job import job_name
from kelos.settings import Settings
from kelos.tasks.blockers import BEFORE_BRANCH, first_blocker, needs_lock, needs_secrets
from kelos.tasks.branch import HOLDER_NAME, lock_label
from kelos.tasks.evidence.attempts import needs_log
from kelos.tasks.evidence.facts import JobFacts, PodFacts, read_job, read_pod
from kelos.tasks.needs import needed_secrets
from kelos.tasks.view import BranchLock, Dependency, TaskView

LOG_TAIL_LINES = 200
LOG_LIMIT_BYTES = 1024 * 1024
LOG_PATIENCE = timedelta(minutes=5)
"""How long an unreadable log keeps a Task from ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Reads caches for what may be a moment old, and the API for what must not be."""

    cluster: Cluster
    caches: TaskCaches
    settings: Settings
    now: Callable[[], datetime]
    silence: Callable[[Task], float | None]

    async def observe(self, namespace: str, name: str) -> TaskView | None:
        """The photograph, or None when the Task is gone. Raises UserError when it cannot be understood."""
        manifest = self.caches.tasks.get(namespace, name)
        if manifest is None:
            return None
        view = self._from_caches(manifest)
        if view.task.is_finished or view.task.is_being_deleted:
            return view
        if not view.owns_job:
            view = await self._about_to_start(view)
        return replace(view, logs=await self._logs(view.pods))

    def orphans(self, namespace: str, name: str) -> tuple[PodFacts, ...]:
        """Pods of a Task that is gone."""
        return tuple(read_pod(pod) for pod in self.caches.pods.by("task", f"{namespace}/{name}"))

    def _from_caches(self, manifest: Manifest) -> TaskView:
        task, caches = parse_task(manifest), self.caches
        namespace, uid = task.meta.namespace, task.meta.uid
        worker = task.spec.effective
        job = caches.jobs.get(namespace, job_name(task.meta.name))
        workspace = caches.workspaces.get(namespace, worker.workspace_name) if worker.workspace_name else None
        configs = {n: caches.agent_configs.get(namespace, n) for n in worker.agent_config_names}
        pods = sorted((read_pod(pod) for pod in caches.pods.by("task-uid", uid)), key=lambda p: (p.created_at, p.name))
        view = TaskView(
            task=task,
            status=manifest.get("status") or {},
            now=self.now(),
            settings=self.settings,
            job=read_job(job) if job is not None else None,
            pods=tuple(pods),
            workspace=parse_workspace(workspace) if workspace is not None else None,
            agent_configs={n: parse_agent_config(c) if c is not None else None for n, c in configs.items()},
            dependencies={n: self._dependency(namespace, n) for n in task.spec.depends_on},
            graph=self._graph(task),
            dependents=self._dependents(task),
            client_silence_seconds=self.silence(task),
        )
        return replace(view, lock=self._cached_lock(view))

    async def _about_to_start(self, view: TaskView) -> TaskView:
        """No Job in the cache: make sure there is none, and read what a start needs, as late as possible."""
        if view.status.get("jobName"):
            return replace(view, job=await self._job(view))
        if needs_secrets(view):
            view = replace(view, secrets=await self._secrets(view))
        if first_blocker(view, BEFORE_BRANCH) is not None:
            return view
        fresh = await self.cluster.get(TASK, view.task.meta.namespace, view.task.meta.name)
        task = parse_task(fresh)
        if task.meta.uid != view.task.meta.uid:
            raise NotFound(f"Task '{task.meta.name}' was replaced by another one of its name")
        view = replace(view, task=task, status=fresh.get("status") or {}, job=await self._job(view))
        if needs_lock(view):
            view = replace(view, lock=await self._lock(view))
        return view

    async def _job(self, view: TaskView) -> JobFacts | None:
        found = await find(self.cluster, JOB, view.task.meta.namespace, job_name(view.task.meta.name))
        return read_job(found) if found is not None else None

    async def _secrets(self, view: TaskView) -> Mapping[str, frozenset[str] | None]:
        """Key names of each needed Secret; the values are forgotten at once."""
        found: dict[str, frozenset[str] | None] = {}
        for need in needed_secrets(view.task, view.workspace, view.agent_configs):
            if need.name not in found:
                secret = await find(self.cluster, SECRET, view.task.meta.namespace, need.name)
                found[need.name] = frozenset(secret.get("data") or ()) if secret is not None else None
        return found

    async def _logs(self, pods: Iterable[PodFacts]) -> Mapping[str, str]:
        return {pod.uid: await self._log(pod) for pod in pods if pod.holds_outcome and needs_log(pod)}

    async def _log(self, pod: PodFacts) -> str:
        """The end of the agent's log; empty when it is gone, or stayed unreadable for too long."""
        tail = bytearray()
        try:
            chunks = self.cluster.logs(
                pod.namespace, pod.name, container=names.CONTAINER_AGENT, tail_lines=LOG_TAIL_LINES
            )
            async for chunk in chunks:
                tail += chunk
                del tail[:-LOG_LIMIT_BYTES]
        except (NotFound, Invalid):
            return ""
        except ClusterError:
            ended = pod.agent.finished_at or pod.created_at
            if self.now() - ended < LOG_PATIENCE:
                raise
        return tail.decode(errors="replace")

    def _dependency(self, namespace: str, name: str) -> Dependency | None:
        manifest = self.caches.tasks.get(namespace, name)
        if manifest is None:
            return None
        status = manifest.get("status") or {}
        return Dependency(
            name=name,
            uid=manifest["metadata"]["uid"],
            phase=phase_of(manifest),
            outputs=tuple(status.get("outputs") or ()),
            results=status.get("results") or {},
        )

    def _graph(self, task: Task) -> Mapping[str, tuple[str, ...]]:
        """dependsOn of every unfinished Task that can be reached from this one."""
        graph: dict[str, tuple[str, ...]] = {task.meta.name: task.spec.depends_on}
        waiting = list(task.spec.depends_on)
        while waiting:
            name = waiting.pop()
            manifest = self.caches.tasks.get(task.meta.namespace, name)
            if name in graph or manifest is None or is_finished(manifest):
                continue
            graph[name] = tuple(manifest.get("spec", {}).get("dependsOn") or ())
            waiting += graph[name]
        return graph

    def _dependents(self, task: Task) -> tuple[str, ...]:
        """Unfinished Tasks that wait for this one and have not yet kept its results."""
        key = f"{task.meta.namespace}/{task.meta.name}"
        waiting = []
        for other in self.caches.tasks.by("dependency", key):
            status = other.get("status") or {}
            kept = {entry.get("name") for entry in status.get("dependencies") or ()}
            if not is_finished(other) and task.meta.name not in kept and not status.get("jobName"):
                waiting.append(other["metadata"]["name"])
        return tuple(waiting)

    def _cached_lock(self, view: TaskView) -> BranchLock | None:
        """The lock as the cache has it: good enough to give it back."""
        label = lock_label(view.task, view.workspace)
        if not label:
            return None
        lease = self.caches.leases.get(view.task.meta.namespace, BranchLock(label=label).lease_name)
        return read_lock(label, lease)

    async def _lock(self, view: TaskView) -> BranchLock:
        """The lock as the API has it: good enough to take it."""
        task = view.task
        lock = BranchLock(label=lock_label(task, view.workspace))
        lock = read_lock(lock.label, await find(self.cluster, LEASE, task.meta.namespace, lock.lease_name))
        page = await self.cluster.list(POD, task.meta.namespace, labels=f"{names.LABEL_BRANCH_LOCK}={lock.label}")
        others = {
            pod["metadata"].get("annotations", {}).get(names.LABEL_TASK, pod["metadata"]["name"])
            for pod in page.items
            if pod["metadata"]["labels"].get(names.LABEL_TASK_UID) != task.meta.uid and not read_pod(pod).is_over
        }
        return replace(
            lock,
            holder_is_over=await self._is_over(task.meta.namespace, lock),
            pods_of_others=tuple(sorted(others)),
            ahead=self._ahead(task),
        )

    async def _is_over(self, namespace: str, lock: BranchLock) -> bool:
        if not lock.holder:
            return True
        holder = await find(self.cluster, TASK, namespace, lock.holder)
        return holder is None or holder["metadata"]["uid"] != lock.holder_uid or is_finished(holder)

    def _ahead(self, task: Task) -> str:
        """Who was created before us and waits for nothing but the same branch."""
        mine = (task.meta.creation_timestamp, task.meta.name)
        for other in self.caches.tasks.by("branch", f"{task.meta.namespace}/{task.spec.branch}"):
            theirs = parse_task(other)
            workspace = self.caches.workspaces.get(task.meta.namespace, theirs.spec.effective.workspace_name)
            is_waiting = not theirs.is_finished and not theirs.status.job_name and not theirs.is_being_deleted
            if not is_waiting or theirs.status.reason not in (None, Reason.BRANCH_HELD) or workspace is None:
                continue
            is_before = (theirs.meta.creation_timestamp, theirs.meta.name) < mine
            if is_before and lock_label(theirs, parse_workspace(workspace)) == self._label(task):
                return theirs.meta.name
        return ""

    def _label(self, task: Task) -> str:
        workspace = self.caches.workspaces.get(task.meta.namespace, task.spec.effective.workspace_name)
        return lock_label(task, parse_workspace(workspace)) if workspace is not None else ""


def read_lock(label: str, lease: Manifest | None) -> BranchLock:
    if lease is None:
        return BranchLock(label=label)
    return BranchLock(
        label=label,
        lease=lease,
        holder=(lease["metadata"].get("annotations") or {}).get(HOLDER_NAME, ""),
        holder_uid=str((lease.get("spec") or {}).get("holderIdentity") or ""),
    )


def phase_of(task: Manifest) -> Phase | None:
    """The phase as written, None for one we do not know."""
    try:
        return Phase((task.get("status") or {}).get("phase"))
    except ValueError:
        return None


def is_finished(task: Manifest) -> bool:
    phase = phase_of(task)
    return phase is not None and phase.is_terminal


async def find(cluster: Cluster, kind: Kind, namespace: str, name: str) -> Manifest | None:
    try:
        return await cluster.get(kind, namespace, name)
    except NotFound:
        return None
