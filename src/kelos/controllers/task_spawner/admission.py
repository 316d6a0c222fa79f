"""Whether a spawned Task has a place: who of its TaskSpawner comes before it."""

from __future__ import annotations

from kelos.api.kinds import Manifest
from kelos.api.names import ANNOTATION_ADMISSION, FINALIZER_SPAWNED
from kelos.controllers.reading import is_finished
from kelos.controllers.task_caches import TaskCaches, age_of, namespace_of
from kelos.spawning.spawned import belongs_to, spawner_name
from kelos.tasks.view import Admission


def read_admission(caches: TaskCaches, task: Manifest) -> Admission | None:
    """None when nothing can hold it: it asks for no leave, or its TaskSpawner is gone."""
    if not (task["metadata"].get("annotations") or {}).get(ANNOTATION_ADMISSION):
        return None
    namespace, name = namespace_of(task), spawner_name(task)
    spawner = caches.spawners.get(namespace, name) if name else None
    if spawner is None or not belongs_to(task, spawner["metadata"]["uid"]):
        return None
    spec = spawner.get("spec") or {}
    limit = spec.get("maxConcurrency") or None
    return Admission(
        spawner=name,
        is_suspended=bool(spec.get("suspend")),
        limit=limit,
        ahead=tuple(_ahead(caches, task, f"{namespace}/{name}")) if limit is not None else (),
    )


def _ahead(caches: TaskCaches, task: Manifest, spawner: str) -> list[str]:
    """Unfinished Tasks of the spawner: those that have started first, then the older ones."""
    mine, uid = _rank(task), task["metadata"]["uid"]
    others = [
        other
        for other in caches.tasks.by("spawner", spawner)
        if other["metadata"]["uid"] != uid and not is_finished(other) and _rank(other) < mine
    ]
    return [other["metadata"]["name"] for other in sorted(others, key=_rank)]


def _rank(task: Manifest) -> tuple[bool, bool, tuple[str, str]]:
    has_started = bool((task.get("status") or {}).get("jobName"))
    is_unnoted = FINALIZER_SPAWNED in (task["metadata"].get("finalizers") or ())
    return not has_started, is_unnoted, age_of(task)
