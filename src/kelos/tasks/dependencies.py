"""dependsOn: who is finished, who failed, who waits in a circle, and what a dependent remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kelos.api.kinds import Manifest
from kelos.api.reasons import Phase
from kelos.outputs.values import stored_size
from kelos.tasks.view import TaskView

KEPT_LIMIT_BYTES = 384 * 1024
"""An object in the API server may have 1.5 MiB; the prompt takes a third of that, our own results as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What stays of a dependency that succeeded, even when it is deleted."""

    name: str
    uid: str
    outputs: tuple[str, ...] = ()
    results: Mapping[str, str] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """About what this costs in a stored status."""
        texts = (self.name, self.uid, *self.outputs, *self.results.keys(), *self.results.values())
        return sum(stored_size(text) + 8 for text in texts)

    def as_status(self) -> Manifest:
        return {
            "name": self.name,
            "uid": self.uid,
            "phase": Phase.SUCCEEDED.value,
            "outputs": list(self.outputs),
            "results": dict(self.results),
        }


def remembered(view: TaskView) -> dict[str, Remembered]:
    """Dependencies known to have succeeded: as they are as long as they are there, else as they were kept."""
    known = {}
    for entry in view.status.get("dependencies") or ():
        known[entry["name"]] = Remembered(
            name=entry["name"],
            uid=str(entry.get("uid", "")),
            outputs=tuple(entry.get("outputs") or ()),
            results=entry.get("results") or {},
        )
    for name in view.task.spec.depends_on:
        found = view.dependencies.get(name)
        is_same = name not in known or (found is not None and known[name].uid == found.uid)
        if is_same and found is not None and found.phase is Phase.SUCCEEDED:
            known[name] = Remembered(name=name, uid=found.uid, outputs=found.outputs, results=found.results)
    return known


def to_keep(view: TaskView) -> list[Manifest]:
    """What goes into status: everything when it fits, else without the largest texts, responses first."""
    kept = remembered(view)
    total = sum(entry.size_bytes for entry in kept.values())
    for lighten in (_without_response, _without_outputs, _without_results):
        for entry in sorted(kept.values(), key=lambda e: (-e.size_bytes, e.name)):
            if total <= KEPT_LIMIT_BYTES:
                break
            lighter = lighten(entry)
            total -= entry.size_bytes - lighter.size_bytes
            kept[entry.name] = lighter
    return [entry.as_status() for entry in kept.values()]


def _without_response(entry: Remembered) -> Remembered:
    return replace(entry, results={key: text for key, text in entry.results.items() if key != "response"})


def _without_outputs(entry: Remembered) -> Remembered:
    return replace(entry, outputs=())


def _without_results(entry: Remembered) -> Remembered:
    return replace(entry, results={})


def missing(view: TaskView) -> tuple[str, ...]:
    known = remembered(view)
    return tuple(n for n in view.task.spec.depends_on if n not in known and view.dependencies.get(n) is None)


def unfinished(view: TaskView) -> tuple[str, ...]:
    known = remembered(view)
    return tuple(
        n
        for n in view.task.spec.depends_on
        if n not in known and (found := view.dependencies.get(n)) is not None and found.phase is not Phase.FAILED
    )


def failed(view: TaskView) -> tuple[str, ...]:
    known = remembered(view)
    return tuple(
        n
        for n in view.task.spec.depends_on
        if n not in known and (found := view.dependencies.get(n)) is not None and found.phase is Phase.FAILED
    )


def cycle_through(name: str, graph: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The names of a circle that `name` is itself a member of, starting with it; empty when there is none.

    Every Task is visited once, so diamonds cost nothing. A Task that only leads to somebody else's circle has none.
    """
    came_from: dict[str, str] = {}
    waiting = [(name, dep) for dep in graph.get(name, ())]
    while waiting:
        parent, current = waiting.pop()
        if current == name:
            return _walk_back(name, parent, came_from)
        if current in came_from:
            continue
        came_from[current] = parent
        waiting += [(current, dep) for dep in graph.get(current, ())]
    return ()


def _walk_back(name: str, last: str, came_from: Mapping[str, str]) -> tuple[str, ...]:
    path = []
    while last != name:
        path.append(last)
        last = came_from[last]
    return (name, *reversed(path))
