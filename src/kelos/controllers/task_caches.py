"""What the Task controller keeps watching, and which Tasks a change concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kelos.api import names
from kelos.api.kinds import AGENT_CONFIG, JOB, LEASE, POD, TASK, WORKSPACE, Kind, Manifest
from kelos.api.reasons import Reason
from kelos.cluster.protocol import Cluster
from kelos.cluster.watch import Cache

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCaches:
    """One list-watch per kind; Jobs, pods and Leases only as far as they are ours."""

    tasks: Cache
    jobs: Cache
    pods: Cache
    workspaces: Cache
    agent_configs: Cache
    leases: Cache

    def __iter__(self) -> Iterator[Cache]:
        yield from (self.tasks, self.jobs, self.pods, self.workspaces, self.agent_configs, self.leases)


def build_caches(cluster: Cluster, namespace: str | None, make: Callable[..., Cache] = Cache) -> TaskCaches:
    """Caches over one namespace, or over all of them when it is None."""

    def cache(kind: Kind, *, labels: str = "", **indexes: Callable[[Manifest], Iterable[str]]) -> Cache:
        named = {name.replace("_", "-"): fn for name, fn in indexes.items()}
        return make(cluster, kind, namespace, labels=labels, indexes=named)

    return TaskCaches(
        tasks=cache(
            TASK,
            dependency=_dependencies,
            branch=_branch,
            held=_held,
            workspace=_workspace,
            agent_config=_agent_configs,
        ),
        jobs=cache(JOB, labels=names.LABEL_TASK),
        pods=cache(POD, labels=names.LABEL_TASK_UID, task_uid=_task_uid, task=_task_key),
        workspaces=cache(WORKSPACE),
        agent_configs=cache(AGENT_CONFIG),
        leases=cache(LEASE, labels=names.LABEL_BRANCH_LOCK),
    )


def subscribe(caches: TaskCaches, wake: Callable[[Key], None]) -> None:
    """Call `wake` with every Task that a change may concern."""

    def listen(cache: Cache, concerned: Callable[[Manifest | None, Manifest], Iterable[Key]]) -> None:
        def on_change(old: Manifest | None, new: Manifest | None) -> None:
            last = new if new is not None else old
            if last is not None:
                for key in concerned(None if new is None else old, last):
                    wake(key)

        cache.subscribe(on_change)

    def tasks_by(index: str, value: str) -> Iterable[Key]:
        return [key_of(task) for task in caches.tasks.by(index, value)]

    def pod_changed(old: Manifest | None, pod: Manifest) -> Iterable[Key]:
        yield from _owner_key(pod)
        if names.LABEL_BRANCH_LOCK in pod["metadata"]["labels"] and old is None:
            yield from tasks_by("held", namespace_of(pod))

    listen(caches.tasks, lambda old, task: [key_of(task), *_concerned_by_task(caches, old, task)])
    listen(caches.jobs, lambda _, job: _owner_key(job))
    listen(caches.pods, pod_changed)
    listen(caches.workspaces, lambda _, found: tasks_by("workspace", "/".join(key_of(found))))
    listen(caches.agent_configs, lambda _, found: tasks_by("agent-config", "/".join(key_of(found))))
    listen(caches.leases, lambda _, lease: tasks_by("held", namespace_of(lease)))


def key_of(manifest: Manifest) -> Key:
    return namespace_of(manifest), str(manifest["metadata"]["name"])


def namespace_of(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace", ""))


def _concerned_by_task(caches: TaskCaches, old: Manifest | None, task: Manifest) -> Iterable[Key]:
    """When a Task moved on: its dependents, what it depends on (whose expiry may wait for it), who wants its branch."""
    if old is not None and _standing(old) == _standing(task):
        return
    namespace, name = key_of(task)
    yield from (key_of(other) for other in caches.tasks.by("dependency", f"{namespace}/{name}"))
    yield from ((namespace, dependency) for dependency in task.get("spec", {}).get("dependsOn") or ())
    if task.get("spec", {}).get("branch"):
        yield from (key_of(other) for other in caches.tasks.by("held", namespace))


def _standing(task: Manifest) -> tuple[object, ...]:
    """What others look at: phase, reason, Job, and how much it remembers of its dependencies."""
    status = task.get("status") or {}
    return status.get("phase"), status.get("reason"), status.get("jobName"), len(status.get("dependencies") or ())


def _owner_key(child: Manifest) -> Iterable[Key]:
    name = (child["metadata"].get("annotations") or {}).get(names.LABEL_TASK)
    return [(namespace_of(child), name)] if name else []


def _dependencies(task: Manifest) -> Iterable[str]:
    return [f"{namespace_of(task)}/{name}" for name in task.get("spec", {}).get("dependsOn") or ()]


def _branch(task: Manifest) -> Iterable[str]:
    branch = task.get("spec", {}).get("branch")
    return [f"{namespace_of(task)}/{branch}"] if branch else []


def _held(task: Manifest) -> Iterable[str]:
    is_held = (task.get("status") or {}).get("reason") == Reason.BRANCH_HELD.value
    return [namespace_of(task)] if is_held else []


def _workspace(task: Manifest) -> Iterable[str]:
    spec = task.get("spec", {})
    refs = ((spec.get("worker") or {}).get("workspaceRef"), spec.get("workspaceRef"))
    return [f"{namespace_of(task)}/{ref['name']}" for ref in refs if ref and ref.get("name")]


def _agent_configs(task: Manifest) -> Iterable[str]:
    spec = task.get("spec", {})
    refs = [*((spec.get("worker") or {}).get("agentConfigRefs") or ()), *(spec.get("agentConfigRefs") or ())]
    refs += [spec["agentConfigRef"]] if spec.get("agentConfigRef") else []
    return [f"{namespace_of(task)}/{ref['name']}" for ref in refs if ref.get("name")]


def _task_uid(pod: Manifest) -> Iterable[str]:
    return [pod["metadata"]["labels"][names.LABEL_TASK_UID]]


def _task_key(pod: Manifest) -> Iterable[str]:
    return ["/".join(key) for key in _owner_key(pod)]
