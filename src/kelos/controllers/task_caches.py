"""What the Task controller keeps watching, and which Tasks a change concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kelos.api import names
from kelos.api.kinds import AGENT_CONFIG, JOB, LEASE, POD, TASK, TASK_SPAWNER, WORKSPACE, Kind, Manifest
from kelos.api.reasons import Reason
from kelos.cluster.protocol import Cluster
from kelos.cluster.store import Slim
from kelos.cluster.watch import Cache
from kelos.controllers.reading import is_finished
from kelos.spawning.spawned import spawner_name
from kelos.tasks.evidence.slim import slim_job, slim_pod
from kelos.tasks.held.locks import ANNOTATIONS, LABELS
from kelos.tasks.status import WORKSPACE_FREE, has_condition
from kelos.tasks.view import Scope

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
    spawners: Cache

    def __iter__(self) -> Iterator[Cache]:
        yield from (
            self.tasks,
            self.jobs,
            self.pods,
            self.workspaces,
            self.agent_configs,
            self.leases,
            self.spawners,
        )


def build_caches(cluster: Cluster, namespace: str | None, make: Callable[..., Cache] = Cache) -> TaskCaches:
    """Caches over one namespace, or over all of them when it is None."""

    def cache(
        kind: Kind, *, labels: str = "", slim: Slim | None = None, **indexes: Callable[[Manifest], Iterable[str]]
    ) -> Cache:
        named = {name.replace("_", "-"): fn for name, fn in indexes.items()}
        may_be_absent = kind is TASK_SPAWNER  # Tasks need none: an older installation may not have its definition yet
        return make(cluster, kind, namespace, labels=labels, indexes=named, slim=slim, may_be_absent=may_be_absent)

    return TaskCaches(
        tasks=cache(
            TASK,
            dependency=_dependencies,
            queue=_queue,
            held=_held,
            workspace=_workspace,
            agent_config=_agent_configs,
            spawner=spawner_of,
        ),
        jobs=cache(JOB, labels=names.LABEL_TASK, slim=slim_job),
        pods=cache(POD, labels=names.LABEL_TASK_UID, slim=slim_pod, task_uid=_task_uid, task=_task_key, lock=_locks),
        workspaces=cache(WORKSPACE),
        agent_configs=cache(AGENT_CONFIG),
        leases=cache(LEASE, labels=f"{names.LABEL_MANAGED_BY}={names.MANAGER}", holder=_holder),
        spawners=cache(TASK_SPAWNER, workspace=workspace_of_template),
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

    def next_in_lines(thing: Manifest) -> Iterable[Key]:
        return [key for place in _places(thing) for key in next_in_line(caches, place)]

    def pod_changed(old: Manifest | None, pod: Manifest) -> Iterable[Key]:
        yield from owner_keys(pod)
        if old is None or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            yield from next_in_lines(pod)

    def lease_changed(_: Manifest | None, lease: Manifest) -> Iterable[Key]:
        holder = (lease["metadata"].get("annotations") or {}).get(names.ANNOTATION_HOLDER)
        yield from [(namespace_of(lease), holder)] if holder else []
        yield from next_in_lines(lease)

    listen(caches.tasks, lambda old, task: [key_of(task), *_concerned_by_task(caches, old, task)])
    listen(caches.jobs, lambda _, job: owner_keys(job))
    listen(caches.pods, pod_changed)
    listen(caches.workspaces, lambda _, found: tasks_by("workspace", "/".join(key_of(found))))
    listen(caches.agent_configs, lambda _, found: tasks_by("agent-config", "/".join(key_of(found))))
    listen(caches.leases, lease_changed)
    listen(caches.spawners, lambda old, found: waiting_for_admission(caches, old, found))


def next_in_line(caches: TaskCaches, place: str) -> list[Key]:
    """Who may try for a lock when it may be free: of each Workspace the Task that has waited longest, not all."""
    first: dict[str, Manifest] = {}
    for task in caches.tasks.by("held", place):
        group = workspace_name(task)
        if group not in first or age_of(task) < age_of(first[group]):
            first[group] = task
    return [key_of(task) for task in first.values()]


def waiting_for_admission(caches: TaskCaches, old: Manifest | None, spawner: Manifest) -> Iterable[Key]:
    """Tasks that the spawner may hold, when it was changed or is gone."""
    if old is not None and old["metadata"].get("generation") == spawner["metadata"].get("generation"):
        return []
    return [key_of(task) for task in _held_by_spawner(caches, "/".join(key_of(spawner)))]


def _held_by_spawner(caches: TaskCaches, spawner: str) -> Iterator[Manifest]:
    for task in caches.tasks.by("spawner", spawner):
        is_waiting = not is_finished(task) and not (task.get("status") or {}).get("jobName")
        if is_waiting and (task["metadata"].get("annotations") or {}).get(names.ANNOTATION_ADMISSION):
            yield task


def place_of(scope: Scope, namespace: str, name: str) -> str:
    """Where Tasks queue for a branch of that name, or for a Workspace."""
    return f"{scope.value}/{namespace}/{name}"


def key_of(manifest: Manifest) -> Key:
    return namespace_of(manifest), str(manifest["metadata"]["name"])


def namespace_of(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace", ""))


def _concerned_by_task(caches: TaskCaches, old: Manifest | None, task: Manifest) -> Iterable[Key]:
    """When a Task moved on: its dependents, what it depends on (whose expiry may wait for it), who wants its branch."""
    (namespace, name), spec, status = key_of(task), task.get("spec", {}), task.get("status") or {}
    before = (old or {}).get("status") or {}
    has_ended = old is None or is_finished(old) != is_finished(task)
    if has_ended:
        yield from (key_of(other) for other in caches.tasks.by("dependency", f"{namespace}/{name}"))
    has_started = bool(before.get("jobName")) != bool(status.get("jobName"))
    if has_ended or has_started or len(before.get("dependencies") or ()) != len(status.get("dependencies") or ()):
        yield from ((namespace, dependency) for dependency in spec.get("dependsOn") or ())
    if has_ended and (spawner := spawner_name(task)):
        yield from (key_of(other) for other in _held_by_spawner(caches, f"{namespace}/{spawner}"))
    if has_ended or has_started or before.get("reason") != status.get("reason"):
        for place in _wanted_places(task):
            yield from next_in_line(caches, place)


def age_of(task: Manifest) -> tuple[str, str]:
    """Sorts older Tasks first; ties by name."""
    meta = task["metadata"]
    return str(meta.get("creationTimestamp", "")), str(meta["name"])


def workspace_name(task: Manifest) -> str:
    spec = task.get("spec", {})
    ref = (spec.get("worker") or {}).get("workspaceRef") or spec.get("workspaceRef") or {}
    return str(ref.get("name", ""))


def owner_keys(child: Manifest) -> Iterable[Key]:
    name = (child["metadata"].get("annotations") or {}).get(names.LABEL_TASK)
    return [(namespace_of(child), name)] if name else []


def _dependencies(task: Manifest) -> Iterable[str]:
    return [f"{namespace_of(task)}/{name}" for name in task.get("spec", {}).get("dependsOn") or ()]


def _queue(task: Manifest) -> Iterable[str]:
    """Where it waits for nothing else, as far as we know; a Task that was never visited may wait anywhere."""
    status = task.get("status") or {}
    if is_finished(task) or status.get("jobName") or "deletionTimestamp" in task["metadata"]:
        return []
    reason, branch, workspace = status.get("reason"), *_wanted_places(task)
    if reason is None:
        return [place for place in (branch, workspace) if place]
    if reason == Reason.BRANCH_HELD.value:
        return [branch] if branch else []
    is_workspace_taken = reason == Reason.CONCURRENCY_LIMIT.value and has_condition(status, WORKSPACE_FREE, "False")
    return [workspace] if workspace and is_workspace_taken else []


def _held(task: Manifest) -> Iterable[str]:
    """Where its last pass found a lock taken."""
    return _queue(task) if (task.get("status") or {}).get("reason") else []


def _wanted_places(task: Manifest) -> tuple[str, str]:
    """Where it would queue for its branch and for its Workspace; empty for what it has not."""
    namespace, branch, workspace = namespace_of(task), task.get("spec", {}).get("branch"), workspace_name(task)
    return (
        place_of(Scope.BRANCH, namespace, branch) if branch else "",
        place_of(Scope.WORKSPACE, namespace, workspace) if workspace else "",
    )


def _places(thing: Manifest) -> Iterable[str]:
    """The queues that a pod or Lease is about."""
    annotations = thing["metadata"].get("annotations") or {}
    names_by_scope = ((scope, annotations.get(annotation)) for scope, annotation in ANNOTATIONS.items())
    return [place_of(scope, namespace_of(thing), name) for scope, name in names_by_scope if name]


def _locks(pod: Manifest) -> Iterable[str]:
    labels = (pod["metadata"]["labels"].get(label) for label in LABELS.values())
    return [f"{namespace_of(pod)}/{label}" for label in labels if label]


def _holder(lease: Manifest) -> Iterable[str]:
    holder = (lease.get("spec") or {}).get("holderIdentity")
    return [f"{namespace_of(lease)}/{holder}"] if holder else []


def spawner_of(task: Manifest) -> Iterable[str]:
    """Index of Tasks: namespace and name of the TaskSpawner that each says it belongs to."""
    name = spawner_name(task)
    return [f"{namespace_of(task)}/{name}"] if name else []


def workspace_of_template(spawner: Manifest) -> Iterable[str]:
    """Index of TaskSpawners: namespace and name of the Workspace of each."""
    name = workspace_name({"spec": (spawner.get("spec") or {}).get("taskTemplate") or {}})
    return [f"{namespace_of(spawner)}/{name}"] if name else []


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
    return ["/".join(key) for key in owner_keys(pod)]
