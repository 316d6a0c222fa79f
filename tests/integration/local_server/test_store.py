"""The store keeps objects and tells every change, in order, exactly once."""

import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelos.cluster.protocol import ChangeType
from kelos.local.store import HistoryExpiredError, Key, Store


def key(name: str, namespace: str = "default") -> Key:
    return Key(resource="things", namespace=namespace, name=name)


def thing(name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": name}, **fields}


def test_every_write_has_a_version_of_its_own(store: Store) -> None:
    """Versions are what optimistic concurrency and watches stand on."""
    first = store.put(key("a"), thing("a"))
    second = store.put(key("b"), thing("b"))

    assert first.version < second.version
    assert str(second.version) == second.manifest["metadata"]["resourceVersion"]


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    """A plane with a file goes on where it stopped."""
    file = tmp_path / "plane.db"
    before = Store(file)
    written = before.put(key("a"), thing("a", spec={"text": "ä\N{PILE OF POO}\0"}))
    before.close()

    after = Store(file)

    assert written == after.get(key("a"))
    after.close()


def test_versions_go_on_after_a_restart_even_behind_a_deletion(tmp_path: Path) -> None:
    """A version that was used for something else would hide a change from whoever still holds it."""
    file = tmp_path / "plane.db"
    before = Store(file)
    before.put(key("a"), thing("a"))
    last = before.delete(key("a")).version
    before.close()

    after = Store(file)

    assert last == after.version
    assert last < after.put(key("b"), thing("b")).version
    after.close()


def test_a_version_of_before_the_restart_is_too_old(tmp_path: Path) -> None:
    """History is not kept in the file: silence would lose changes, so the watcher is told."""
    file = tmp_path / "plane.db"
    before = Store(file)
    early = before.put(key("a"), thing("a")).version
    before.put(key("a"), thing("a", spec=2))
    before.close()

    after = Store(file)

    with pytest.raises(HistoryExpiredError):
        after.events("things", early)
    assert [] == after.events("things", after.version)
    after.close()


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    """It holds Secrets in the clear."""
    file = tmp_path / "plane.db"
    store = Store(file)
    store.put(key("a"), thing("a"))

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    store.close()

    assert {0o600} == set(modes.values()), modes


def test_history_is_bounded(store: Store) -> None:
    """A plane that runs for weeks stays small; who is too far behind lists again."""
    start = store.version
    for _ in range(51):
        store.put(key("a"), thing("a"))

    with pytest.raises(HistoryExpiredError):
        store.events("things", start)
    assert 50 == len(store.events("things", start + 1))


def test_a_busy_resource_does_not_push_out_the_history_of_another(store: Store) -> None:
    """Leases are renewed every other second; watchers of Tasks must not suffer."""
    start = store.version
    store.put(key("a"), thing("a"))
    for _ in range(100):
        store.put(Key(resource="leases", namespace="default", name="l"), thing("l"))

    assert 1 == len(store.events("things", start))


def test_a_deletion_carries_the_last_state_and_a_version_of_its_own(store: Store) -> None:
    """Watchers see what went, and where to go on."""
    put = store.put(key("a"), thing("a", spec={"x": 1}))
    gone = store.delete(key("a"))

    (_, event) = store.events("things", put.version - 1)

    assert (ChangeType.DELETED, {"x": 1}, gone.version) == (event.type, event.entry.manifest["spec"], event.version)


Operations = st.lists(st.tuples(st.sampled_from(["put", "delete"]), st.sampled_from("abc")), max_size=30)


@given(operations=Operations, cut=st.integers(0, 30))
def test_a_list_and_the_changes_after_it_make_the_present(operations: list[tuple[str, str]], cut: int) -> None:
    """Whatever moment a client lists at: with the changes that follow it knows everything."""
    store = Store()
    listed, version = store.entries("things"), store.version
    for at, (operation, name) in enumerate(operations):
        if at == cut:
            listed, version = store.entries("things"), store.version
        if operation == "put":
            store.put(key(name), thing(name, at=at))
        elif store.get(key(name)) is not None:
            store.delete(key(name))

    known = {entry.key: entry for entry in listed}
    for event in store.events("things", version):
        known.pop(event.entry.key, None)
        if event.type is not ChangeType.DELETED:
            known[event.entry.key] = event.entry

    assert {entry.key: entry for entry in store.entries("things")} == known
    store.close()


@given(operations=Operations, cut=st.integers(0, 30))
def test_a_list_can_be_read_as_it_was(operations: list[tuple[str, str]], cut: int) -> None:
    """Later pages of a list show the state of the first, whatever was written in between."""
    store = Store()
    then, version = store.entries("things"), store.version
    for at, (operation, name) in enumerate(operations):
        if at == cut:
            then, version = store.entries("things"), store.version
        if operation == "put":
            store.put(key(name), thing(name, at=at))
        elif store.get(key(name)) is not None:
            store.delete(key(name))

    assert then == store.entries("things", at=version)
    store.close()
