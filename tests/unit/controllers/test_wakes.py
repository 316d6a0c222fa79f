"""Which Tasks a change wakes: those it concerns, and of a thousand that wait for one branch only the next."""

from __future__ import annotations

from typing import Any

import pytest

import make
from kelos.api import names
from kelos.api.kinds import Manifest
from kelos.cluster.store import Store
from kelos.controllers.task_caches import TaskCaches, build_caches, subscribe


class Memory:
    """Stands for a cache that hears nothing but what the test says."""

    def __init__(self, _: Any, kind: Any, __: Any, *, labels: str, indexes: Any, **_more: Any) -> None:
        store = Store(indexes)
        self.get, self.by, self.subscribe, self.put, self.remove = (
            store.get,
            store.by,
            store.subscribe,
            store.put,
            store.remove,
        )


@pytest.fixture
def woken() -> list[str]:
    return []


@pytest.fixture
def caches(woken: list[str]) -> Any:
    found: TaskCaches = build_caches(None, None, Memory)  # type: ignore[arg-type]
    subscribe(found, lambda key: woken.append(key[1]))
    return found


def stored(name: str, version: int = 1, **spec: Any) -> Manifest:
    manifest = make.task_manifest(name, **spec)
    manifest["metadata"] |= {"uid": f"uid-{name}", "resourceVersion": str(version)}
    manifest["metadata"].setdefault("creationTimestamp", "2026-02-07T08:00:00Z")
    return manifest


def lease(version: int, branch: str = "feature", holder: str = "holder") -> Manifest:
    annotations = {names.ANNOTATION_BRANCH: branch, names.ANNOTATION_HOLDER: holder}
    meta = {"name": f"kelos-branch-{branch}", "namespace": "team", "uid": "l", "resourceVersion": str(version)}
    return {"metadata": {**meta, "annotations": annotations}, "spec": {"holderIdentity": "u"}}


HELD = {"phase": "Waiting", "reason": "BranchHeld"}
TAKEN = {
    "phase": "Waiting",
    "reason": "ConcurrencyLimit",
    "conditions": [{"type": "WorkspaceFree", "status": "False"}],
}


def test_a_free_branch_wakes_the_next_in_line_and_its_last_holder(caches, woken):
    """A thousand passes for each of a thousand hand-overs would be a million."""
    for number in range(1000):
        caches.tasks.put(stored(f"t{number:03}", branch="feature", workspaceRef={"name": "repo"}, status=HELD))
    caches.leases.put(lease(1))
    woken.clear()

    caches.leases.remove(lease(1))

    assert ["holder", "t000"] == woken


def test_a_branch_of_two_repositories_wakes_the_next_of_each(caches, woken):
    """One name, two locks."""
    for name, repo in (("a", "one"), ("b", "two"), ("c", "two")):
        caches.tasks.put(stored(name, branch="feature", workspaceRef={"name": repo}, status=HELD))
    woken.clear()

    caches.leases.put(lease(1))

    assert ["holder", "a", "b"] == woken


def test_a_free_workspace_wakes_the_one_that_waited_longest_for_it(caches, woken):
    """Not those that wait for something else, be it with the same reason."""
    elsewhere = {"phase": "Waiting", "reason": "ConcurrencyLimit"}
    for name, status in (("a", elsewhere), ("aa", None), ("b", HELD), ("c", TAKEN), ("d", TAKEN)):
        caches.tasks.put(stored(name, branch="feature", workspaceRef={"name": "repo"}, status=status))
    taken = lease(1)
    taken["metadata"]["annotations"] = {names.ANNOTATION_WORKSPACE: "repo", names.ANNOTATION_HOLDER: "holder"}
    caches.leases.put(taken)
    woken.clear()

    caches.leases.remove(taken)

    assert ["holder", "c"] == woken


def test_a_task_that_ends_wakes_its_dependents(caches, woken):
    caches.tasks.put(stored("first", status={"phase": "Running", "jobName": "first"}))
    caches.tasks.put(stored("next", dependsOn=["first"]))
    woken.clear()

    caches.tasks.put(stored("first", 2, status={"phase": "Succeeded", "jobName": "first"}))

    assert ["first", "next"] == woken


def test_a_task_that_only_gets_on_wakes_nobody_else(caches, woken):
    """Dependents look at its end."""
    caches.tasks.put(stored("first", status={"phase": "Pending", "jobName": "first"}))
    caches.tasks.put(stored("next", dependsOn=["first"]))
    woken.clear()

    caches.tasks.put(stored("first", 2, status={"phase": "Running", "jobName": "first"}))

    assert ["first"] == woken


def spawned(name: str, version: int = 1, **spec: Any) -> Manifest:
    meta = {
        "labels": {names.LABEL_SPAWNER: "triage"},
        "annotations": {names.ANNOTATION_ADMISSION: "required"},
    }
    return stored(name, version, meta=meta, **spec)


def test_the_end_of_a_spawned_task_wakes_those_that_wait_for_a_place(caches, woken):
    caches.tasks.put(spawned("triage-1", status={"phase": "Running", "jobName": "triage-1"}))
    caches.tasks.put(spawned("triage-2", status={"phase": "Waiting", "reason": "ConcurrencyLimit"}))
    caches.tasks.put(spawned("triage-3", status={"phase": "Running", "jobName": "triage-3"}))
    woken.clear()
    caches.tasks.put(spawned("triage-1", 2, status={"phase": "Succeeded", "jobName": "triage-1"}))

    assert {"triage-1", "triage-2"} == set(woken)


def test_a_changed_spawner_wakes_tasks_that_wait_and_its_status_wakes_nobody(caches, woken):
    def spawner(version, generation, **spec):
        meta = {"name": "triage", "namespace": "team", "uid": "s", "resourceVersion": str(version)}
        return {"metadata": {**meta, "generation": generation}, "spec": spec}

    caches.spawners.put(spawner(1, 1, suspend=True))
    caches.tasks.put(spawned("triage-1", status={"phase": "Waiting", "reason": "ConcurrencyLimit"}))
    woken.clear()

    caches.spawners.put(spawner(2, 1, suspend=True))
    assert [] == woken
    caches.spawners.put(spawner(3, 2))
    assert ["triage-1"] == woken
