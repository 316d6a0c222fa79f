"""What observers and indexes see of a change."""

from typing import Any

import pytest

from kelos.api.kinds import Manifest
from kelos.cluster.store import Store


def task(name: str = "a", version: int = 1, uid: str = "u", namespace: str = "ci", **fields: Any) -> Manifest:
    metadata = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(version)}
    return {"metadata": {**metadata, **fields}}


def by_branch(object_: Manifest) -> list[str]:
    branch = object_["metadata"].get("branch")
    return [branch] if branch else []


@pytest.fixture
def store() -> Store:
    return Store({"branch": by_branch})


@pytest.fixture
def told(store: Store) -> list[tuple[Manifest | None, Manifest | None]]:
    changes: list[tuple[Manifest | None, Manifest | None]] = []
    store.subscribe(lambda old, new: changes.append((old, new)))
    return changes


def test_every_change_is_told_once(store: Store, told: list[Any]) -> None:
    """The same version again, as after a reconnect, is no change."""
    first, second = task(version=1), task(version=2)
    for each in (first, first, second):
        store.put(each)
    store.remove(second)
    store.remove(second)

    assert [(None, first), (first, second), (second, None)] == told


def test_a_new_list_tells_what_went_away(store: Store, told: list[Any]) -> None:
    """Deletes that happened while nobody watched."""
    gone, changed, kept = task("gone"), task("changed"), task("kept")
    for each in (gone, changed, kept):
        store.put(each)
    told.clear()
    newer = task("changed", version=9)
    store.replace([newer, kept])

    assert [(gone, None), (changed, newer)] == told


def test_what_we_wrote_is_seen_before_the_watch_tells_it(store: Store, told: list[Any]) -> None:
    """And told once, though the watch brings it again, behind what it had overtaken."""
    first, second, third = task(version=8), task(version=9), task(version=10)
    store.put(first)
    store.learn(third)
    for each in (second, third):
        store.put(each)

    assert (third, [(None, first), (first, third)]) == (store.get("ci", "a"), told)


def test_what_we_wrote_brings_nothing_back(store: Store) -> None:
    """The object was deleted while our answer was on its way: no watch would ever take it away again."""
    store.put(task(version=1))
    store.remove(task(version=3))
    store.learn(task(version=2))
    store.put(task(uid="another"))
    store.learn(task(version=2))

    assert "another" == store.list()[0]["metadata"]["uid"]


def test_versions_that_are_no_numbers_follow_the_watch(store: Store) -> None:
    """Nothing is assumed of them."""
    first, second = task(), task()
    first["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"] = "z", "b"
    store.put(first)
    store.put(second)

    assert second == store.get("ci", "a")


def test_a_recreated_object_is_another_one(store: Store, told: list[Any]) -> None:
    """Its predecessor's end must not be missed: finalizers, locks and counters hang on it."""
    old, new = task(uid="first"), task(uid="second", version=2)
    store.put(old)
    store.put(new)

    assert [(None, old), (old, None), (None, new)] == told


def test_an_index_follows_changes(store: Store) -> None:
    """An object is found by what it says now, not by what it said before."""
    store.put(task(branch="main"))
    store.put(task("b", branch="main"))
    moved = task(version=2, branch="dev")
    store.put(moved)
    store.remove(task("b"))

    assert ([], [moved]) == (store.by("branch", "main"), store.by("branch", "dev"))


def test_objects_are_told_apart_by_namespace(store: Store) -> None:
    """Two teams may use the same name."""
    here, there = task(), task(namespace="prod")
    store.put(here)
    store.put(there)

    assert (here, [there], [here, there]) == (store.get("ci", "a"), store.list("prod"), store.list())


def test_managed_fields_are_dropped_without_touching_the_original(store: Store) -> None:
    """They are often half of an object; the original may belong to somebody else."""
    original = task(managedFields=[{"manager": "kubectl"}])
    store.put(original)

    assert "managedFields" not in (store.get("ci", "a") or {})["metadata"]
    assert "managedFields" in original["metadata"]


def test_an_odd_object_stops_nothing(store: Store, told: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    """Anybody may create an object that our functions did not expect; the others still have to be seen."""

    def fails(old: Manifest | None, new: Manifest | None) -> None:
        raise KeyError("spec")

    odd = Store({"branch": lambda object_: object_["metadata"]["branch"]})
    odd.subscribe(fails)
    odd.subscribe(lambda old, new: told.append((old, new)))
    odd.put(task())

    assert [(None, task())] == told
    assert ["An index function failed", "An observer failed"] == [record.message for record in caplog.records]


def test_only_what_is_kept_is_told_and_found() -> None:
    """Who needs a few fields of large objects must not pay for the rest, neither in the store nor among observers."""
    store = Store({}, slim=lambda object_: {"metadata": object_["metadata"]})
    told: list[Any] = []
    store.subscribe(lambda old, new: told.append(new))
    store.put({**task(), "spec": {"text": "x" * 1000}})

    assert (task(), [task()]) == (store.get("ci", "a"), told)
