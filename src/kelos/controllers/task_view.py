"""Observe one Task: read, fill a `TaskView`, decide nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from kelos.api.codec import parse_agent_config, parse_task, parse_workspace
from kelos.api.kinds import TASK, Manifest
from kelos.api.reasons import Reason
from kelos.api.task import Task
from kelos.cluster.protocol import Cluster
from kelos.controllers.client_leases import ClientLeases
from kelos.controllers.pod_view import PodReader, in_order
from kelos.controllers.reading import is_finished, phase_of
from kelos.controllers.start_view import StartReader
from kelos.controllers.task_caches import TaskCaches
from kelos.controllers.task_spawner.admission import read_admission
from kelos.controllers.warnings import Warnings
from kelos.errors import ClusterError, NotFound, UserError
from kelos.pods.job import job_name
from kelos.settings import Settings
from kelos.tasks.evidence.attempts import recorded
from kelos.tasks.evidence.facts import Complaint, JobFacts, PodFacts, read_job
from kelos.tasks.finish import needs_all_pods
from kelos.tasks.follow import needs_fresh_pods
from kelos.tasks.stop import lapsed_lease, needs_complaints, pod_at_work
from kelos.tasks.view import Dependency, TaskView

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Reads caches for what may be a moment old, and the API for what must not be."""

    cluster: Cluster
    caches: TaskCaches
    start: StartReader
    pods: PodReader
    settings: Settings
    now: Callable[[], datetime]
    leases: ClientLeases
    warnings: Warnings

    async def observe(self, namespace: str, name: str) -> TaskView | None:
        """The photograph, or None when the Task is gone. Raises UserError when it cannot be understood."""
        manifest = self.caches.tasks.get(namespace, name)
        if manifest is None:
            return None
        view = self._from_caches(manifest)
        if not view.task.is_finished and not view.task.is_being_deleted:
            view = await self._closer(view)
        elif needs_all_pods(view):
            view = await self._with_fresh_pods(view)
        return replace(view, logs=await self.pods.logs(view.pods, recorded(view)))

    async def _closer(self, view: TaskView) -> TaskView:
        """What the caches cannot be trusted with."""
        if lapsed_lease(view) is not None:
            view = await self._with_lease_as_it_is(view)
        if not view.owns_job:
            view = await self.start.about_to_start(view)
        view = replace(view, token=await self.start.token(view))
        if not (view.owns_job or view.status.get("jobName") or view.pods):
            return view
        if needs_fresh_pods(view):
            view = await self._with_fresh_pods(view)
        if needs_complaints(view):
            view = replace(view, complaints=await self._complaints(view))
        return view

    async def _with_fresh_pods(self, view: TaskView) -> TaskView:
        found = await self.pods.fresh(view.task.meta.namespace, view.task.meta.uid)
        return replace(view, pods=_made_by(view.job, view.owns_job, found))

    async def _with_lease_as_it_is(self, view: TaskView) -> TaskView:
        """A client is not silent because our watch is late, nor because nobody can reach the API."""
        try:
            fresh = await self.cluster.get(TASK, view.task.meta.namespace, view.task.meta.name)
        except ClusterError:
            self.leases.start_afresh(view.task)
            raise
        task = parse_task(fresh)
        if task.meta.uid != view.task.meta.uid:
            raise NotFound(f"Task '{task.meta.name}' was replaced by another one of its name")
        silence = self.leases.silence(task)
        return replace(view, task=task, status=fresh.get("status") or {}, client_silence_seconds=silence)

    async def _complaints(self, view: TaskView) -> tuple[Complaint, ...]:
        """Warnings about the pod that does not start, or the Job that has none, or no next one."""
        pod = pod_at_work(view)
        uid = pod.uid if pod is not None else view.job.uid if view.job is not None else ""
        return await self.warnings.about(view.task.meta.namespace, uid)

    def _from_caches(self, manifest: Manifest) -> TaskView:
        task, caches = parse_task(manifest), self.caches
        namespace, uid = task.meta.namespace, task.meta.uid
        worker = task.spec.effective
        job = caches.jobs.get(namespace, job_name(task.meta.name))
        problems: list[str] = []
        workspace = caches.workspaces.get(namespace, worker.workspace_name) if worker.workspace_name else None
        configs = {n: caches.agent_configs.get(namespace, n) for n in worker.agent_config_names}
        facts = read_job(job) if job is not None else None
        owns_job = facts is not None and facts.owner_uid == uid
        labelled = in_order(caches.pods.by("task-uid", uid))
        pods = _made_by(facts, owns_job, labelled)
        return TaskView(
            task=task,
            status=manifest.get("status") or {},
            now=self.now(),
            settings=self.settings,
            job=facts,
            pods=pods,
            strays=tuple(pod for pod in labelled if pod not in pods),
            workspace=_read(parse_workspace, workspace, problems),
            agent_configs={name: _read(parse_agent_config, config, problems) for name, config in configs.items()},
            problems=tuple(problems),
            dependencies={n: self._dependency(namespace, n) for n in task.spec.depends_on},
            graph=self._graph(task),
            dependents=self._dependents(task) if task.is_finished else (),
            admission=read_admission(caches, manifest) if not task.is_finished else None,
            held=tuple(caches.leases.by("holder", f"{namespace}/{uid}")),
            client_silence_seconds=self.leases.silence(task),
        )

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
        """dependsOn of every Task that can be reached from this one and has not ended, except of being in a circle."""
        graph: dict[str, tuple[str, ...]] = {task.meta.name: task.spec.depends_on}
        waiting = list(task.spec.depends_on)
        while waiting:
            name = waiting.pop()
            manifest = self.caches.tasks.get(task.meta.namespace, name)
            if name in graph or manifest is None or _is_behind_us(manifest):
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


def _is_behind_us(task: Manifest) -> bool:
    """Whether it waits for nothing; the members of a circle fail one after the other, and all for the circle."""
    return is_finished(task) and (task.get("status") or {}).get("reason") != Reason.DEPENDENCY_CYCLE.value


def _made_by(job: JobFacts | None, owns_job: bool, pods: tuple[PodFacts, ...]) -> tuple[PodFacts, ...]:
    """The pods that are evidence: a label alone does not make one, but an earlier Job of the Task does.

    A Job that is gone, or on its way out, may have let go of its pods.
    """
    if job is None or not owns_job or job.is_being_deleted:
        return pods
    return tuple(pod for pod in pods if pod.job_name == job.name)


def _read(parse: Callable[[Manifest], Parsed], manifest: Manifest | None, problems: list[str]) -> Parsed | None:
    """The object, or None and one more problem when it is there and makes no sense."""
    try:
        return parse(manifest) if manifest is not None else None
    except UserError as error:
        problems.append(str(error))
        return None
