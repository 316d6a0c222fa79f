"""Watches: every change after a version, in order, exactly once, or an honest "too old"."""

import threading
from typing import Any

import pytest

from .servers import WIDGETS, Server, widget

Event = dict[str, Any]


def told(event: Event) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]


def version_of(thing: dict[str, Any]) -> str:
    return str(thing["metadata"]["resourceVersion"])


def current(server: Server) -> str:
    """The version from which a watch sees everything that comes."""
    return version_of(server.api.get(server.widgets()).expect())


def test_a_watch_tells_what_happens_to_an_object(server: Server) -> None:
    """Creation, change and deletion, each with the whole object as it then was."""
    start = current(server)
    created = server.create_widget(size=1)
    changed = server.api.put(server.widgets("one"), {**created, "spec": {"size": 2}}).expect()
    server.api.delete(server.widgets("one")).expect()

    with server.api.watch(server.widgets(), resourceVersion=start) as watch:
        events = [watch.next() for _ in range(3)]

    assert [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one")] == [told(event) for event in events]
    assert [created, changed] == [event["object"] for event in events[:2]]
    assert 2 == events[2]["object"]["spec"]["size"]
    assert int(version_of(events[2]["object"])) > int(version_of(changed))


def test_a_watch_goes_on_after_any_version_it_told(server: Server) -> None:
    """A client that lost its connection asks from the last version it saw and misses nothing."""
    start = current(server)
    for name in ("a", "b", "c"):
        server.create_widget(name)
    with server.api.watch(server.widgets(), resourceVersion=start) as watch:
        first = watch.next()

    with server.api.watch(server.widgets(), resourceVersion=version_of(first["object"])) as watch:
        assert [("ADDED", "b"), ("ADDED", "c")] == [told(watch.next()) for _ in range(2)]


def test_a_watch_goes_on_after_a_deletion(server: Server) -> None:
    """The version in a DELETED event is the deletion's own, so that the event is not told again."""
    start = current(server)
    server.create_widget("a")
    server.api.delete(server.widgets("a")).expect()
    with server.api.watch(server.widgets(), resourceVersion=start) as watch:
        deletion = watch.until("DELETED")[-1]
    server.create_widget("b")

    with server.api.watch(server.widgets(), resourceVersion=version_of(deletion["object"])) as watch:
        assert ("ADDED", "b") == told(watch.next())


def test_an_open_watch_tells_changes_as_they_happen(server: Server) -> None:
    """Nobody has to ask again."""
    with server.api.watch(server.widgets(), resourceVersion=current(server)) as watch:
        server.create_widget("one")
        assert ("ADDED", "one") == told(watch.next())
        server.api.patch(server.widgets("one"), {"spec": {"size": 2}}).expect()
        assert ("MODIFIED", "one") == told(watch.next())


def test_a_write_that_changes_nothing_is_not_told(server: Server) -> None:
    """Equal writes wake no controller."""
    created = server.create_widget("one")
    with server.api.watch(server.widgets(), resourceVersion=version_of(created)) as watch:
        server.api.patch(server.widgets("one"), {"spec": {"size": 1}}).expect()
        server.create_widget("two")

        assert ("ADDED", "two") == told(watch.next())


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
def test_a_watch_without_a_version_starts_with_what_is_there(server: Server, query: dict[str, Any]) -> None:
    """The present comes as ADDED, then the changes."""
    created = server.create_widget("one")

    with server.api.watch(server.widgets(), **query) as watch:
        assert {"type": "ADDED", "object": created} == watch.next()
        server.create_widget("two")
        assert ("ADDED", "two") == told(watch.next())


def test_initial_events_end_with_a_bookmark(server: Server) -> None:
    """A streaming list: everything there is, then a bookmark that says so."""
    for name in ("a", "b"):
        server.create_widget(name)

    query: dict[str, Any] = {
        "sendInitialEvents": True,
        "allowWatchBookmarks": True,
        "resourceVersionMatch": "NotOlderThan",
    }
    with server.api.watch(server.widgets(), **query) as watch:
        *added, end = watch.until("BOOKMARK")

    assert [("ADDED", "a"), ("ADDED", "b")] == sorted(told(event) for event in added)
    assert "true" == end["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"]
    assert ("Widget", WIDGETS) == (end["object"]["kind"], end["object"]["apiVersion"])


def test_initial_events_must_be_asked_for_properly(server: Server) -> None:
    """The two parameters belong together."""
    assert 422 == server.api.get(server.widgets(), watch=True, sendInitialEvents=True, timeoutSeconds=1).status


def test_a_watch_ends_when_it_was_asked_to(server: Server) -> None:
    """Cleanly, without an error event: the client just goes on with the next."""
    with server.api.watch(server.widgets(), resourceVersion=current(server), timeoutSeconds=1) as watch:
        assert [] == list(watch)


def test_a_quiet_watch_gets_a_bookmark(server: Server) -> None:
    """Its version moves on with the rest of the world, so that it does not become too old."""
    created = server.create_widget("one")
    start = version_of(created)

    with server.api.watch(server.widgets(), resourceVersion=start, allowWatchBookmarks=True, timeoutSeconds=6) as watch:
        server.create_config_map("elsewhere")
        event = next(each for each in watch if int(version_of(each["object"])) > int(start))

    assert "BOOKMARK" == event["type"]
    bookmark = event["object"]
    assert ("Widget", WIDGETS) == (bookmark["kind"], bookmark["apiVersion"])
    assert {"metadata"} == bookmark.keys() - {"kind", "apiVersion", "spec"}


def test_no_bookmarks_come_unasked(server: Server) -> None:
    """Old clients would take them for objects."""
    with server.api.watch(server.widgets(), resourceVersion=current(server), timeoutSeconds=3) as watch:
        assert [] == list(watch)


def test_a_status_change_is_told(server: Server) -> None:
    """The very thing that people and programs wait for."""
    created = server.create_widget("one")
    with server.api.watch(server.widgets(), resourceVersion=version_of(created)) as watch:
        server.api.patch(server.widgets("one", "status"), {"status": {"phase": "Ready"}}).expect()
        event = watch.next()

    assert ("MODIFIED", "Ready") == (event["type"], event["object"]["status"]["phase"])


def test_a_deletion_with_finalizers_is_told_in_two_steps(server: Server) -> None:
    """First the wish, then the end."""
    body = widget("one")
    body["metadata"]["finalizers"] = ["example.org/hold"]
    created = server.api.post(server.widgets(), body).expect()
    with server.api.watch(server.widgets(), resourceVersion=version_of(created)) as watch:
        server.api.delete(server.widgets("one")).expect()
        wish = watch.next()
        server.api.patch(server.widgets("one"), {"metadata": {"finalizers": None}}).expect()
        end = watch.until("DELETED")[-1]

    assert ("MODIFIED", True) == (wish["type"], "deletionTimestamp" in wish["object"]["metadata"])
    assert ("DELETED", "one") == told(end)


def test_writers_at_the_same_time_are_told_in_one_order(server: Server) -> None:
    """List, then watch from the list's version: no write is lost or doubled, and versions only rise."""
    writers, each = 4, 10
    start = current(server)

    def write(number: int) -> None:
        for index in range(each):
            server.create_widget(f"w-{number}-{index}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    with server.api.watch(server.widgets(), resourceVersion=start) as watch:
        for thread in threads:
            thread.start()
        events = [watch.next() for _ in range(writers * each)]
        for thread in threads:
            thread.join()

    versions = [int(version_of(event["object"])) for event in events]
    assert sorted(set(versions)) == versions
    assert {f"w-{n}-{i}" for n in range(writers) for i in range(each)} == {told(event)[1] for event in events}


def test_a_forgotten_version_is_too_old(server: Server) -> None:
    """The client must list again; starting silently later would lose changes."""
    server.create_widget("one")

    with server.api.watch(server.widgets(), resourceVersion="1") as watch:
        first = watch.next()

    assert "ERROR" == first["type"]
    assert (410, "Expired") == (first["object"]["code"], first["object"]["reason"])
    assert ("Status", "Failure") == (first["object"]["kind"], first["object"]["status"])


def test_a_version_that_is_no_number_cannot_be_watched(server: Server) -> None:
    """Refused before any stream. (A real server says 500 here, which is no promise.)"""
    assert server.api.get(server.widgets(), watch=True, resourceVersion="abc").status in (400, 500)


def test_a_kind_that_is_not_there_cannot_be_watched(server: Server) -> None:
    """A client learns at once that a definition is missing."""
    assert 404 == server.api.get("/apis/conformance.kelos.dev/v1/nothings", watch=True).status


def test_an_unknown_version_cannot_be_listed_from_yet(server: Server) -> None:
    """A version from the future means another server's past: told, not waited for without end."""
    future = int(current(server)) + 1_000_000

    answer = server.api.get(server.widgets(), resourceVersion=future, resourceVersionMatch="NotOlderThan")

    assert 504 == answer.status
    assert {"ResourceVersionTooLarge"} == {cause["reason"] for cause in answer.body["details"]["causes"]}
