"""The end of one object: preconditions and finalizers."""

from typing import Any

import pytest

from .servers import Server, causes, stored, widget

HOLD = "example.org/hold"


def create_held(server: Server, name: str = "one") -> dict[str, Any]:
    """A widget that a finalizer keeps."""
    body = widget(name)
    body["metadata"]["finalizers"] = [HOLD]
    return stored(server.api.post(server.widgets(), body))


def release(server: Server, path: str) -> None:
    server.api.patch(path, {"metadata": {"finalizers": None}}).expect()


def test_a_deleted_object_is_gone(server: Server) -> None:
    """The answer is a success that says which incarnation it was."""
    created = server.create_widget()

    answer = server.api.delete(server.widgets("one"))

    expected = {"name": "one", "group": "conformance.kelos.dev", "kind": "widgets", "uid": created["metadata"]["uid"]}
    assert (200, "Status", "Success") == (answer.status, answer.body["kind"], answer.body["status"])
    assert expected == answer.body["details"]
    assert 404 == server.api.get(server.widgets("one")).status


def test_what_is_gone_cannot_be_deleted(server: Server) -> None:
    """The second deletion learns it."""
    assert 404 == server.api.delete(server.widgets("one")).status


@pytest.mark.parametrize("wish", [{"uid": "11111111-1111-1111-1111-111111111111"}, {"resourceVersion": "1"}])
def test_a_deletion_may_insist_on_what_it_saw(server: Server, wish: dict[str, str]) -> None:
    """Nobody deletes a successor of the same name by mistake."""
    server.create_widget()

    answer = server.api.delete(server.widgets("one"), {"preconditions": wish})

    assert (409, "Conflict") == (answer.status, answer.reason)
    assert 200 == server.api.get(server.widgets("one")).status


def test_a_deletion_that_saw_right_succeeds(server: Server) -> None:
    """uid and version as they are."""
    seen = server.create_widget()["metadata"]
    wish = {"uid": seen["uid"], "resourceVersion": seen["resourceVersion"]}

    assert 200 == server.api.delete(server.widgets("one"), {"preconditions": wish}).status


def test_a_finalizer_holds_an_object(server: Server) -> None:
    """Deletion is a wish until the work outside is done."""
    create_held(server)

    answer = server.api.delete(server.widgets("one"))

    metadata = server.api.get(server.widgets("one")).expect()["metadata"]
    assert ("Widget", "one") == (answer.expect()["kind"], answer.body["metadata"]["name"])
    assert (True, [HOLD], 0, 2) == (
        "deletionTimestamp" in metadata,
        metadata["finalizers"],
        metadata["deletionGracePeriodSeconds"],
        metadata["generation"],
    )


def test_the_last_finalizer_lets_go(server: Server) -> None:
    """The object goes with the write that removes it."""
    create_held(server)
    server.api.delete(server.widgets("one")).expect()

    release(server, server.widgets("one"))

    assert 404 == server.api.get(server.widgets("one")).status


def test_a_second_deletion_changes_nothing(server: Server) -> None:
    """Not the time of the first, not the version."""
    create_held(server)
    first = stored(server.api.delete(server.widgets("one")))

    second = stored(server.api.delete(server.widgets("one")))

    assert first["metadata"] == second["metadata"]


def test_a_dying_object_takes_no_new_finalizer(server: Server) -> None:
    """Otherwise it might never end."""
    create_held(server)
    server.api.delete(server.widgets("one")).expect()

    answer = server.api.patch(server.widgets("one"), {"metadata": {"finalizers": [HOLD, "example.org/more"]}})

    assert (422, {("metadata.finalizers", "FieldValueForbidden")}) == (answer.status, causes(answer))


def test_a_dying_object_can_still_be_written(server: Server) -> None:
    """A controller reports how the end goes."""
    create_held(server)
    server.api.delete(server.widgets("one")).expect()

    after = stored(server.api.patch(server.widgets("one", "status"), {"status": {"phase": "Ending"}}))

    assert "Ending" == after["status"]["phase"]


def test_a_removed_finalizer_alone_deletes_nothing(server: Server) -> None:
    """Only what was asked to go goes."""
    create_held(server)

    release(server, server.widgets("one"))

    assert 200 == server.api.get(server.widgets("one")).status


def test_a_collection_is_deleted_by_its_labels(server: Server) -> None:
    """The others stay."""
    server.create_config_map("a", labels={"app": "x"})
    server.create_config_map("b", labels={"app": "y"})

    server.api.delete(server.config_maps(), labelSelector="app=x").expect()

    assert 404 == server.api.get(server.config_maps("a")).status
    assert 200 == server.api.get(server.config_maps("b")).status


@pytest.mark.parametrize("policy", ["Sideways", ""])
def test_an_unknown_policy_is_refused(server: Server, policy: str) -> None:
    """Rather than taken for the default."""
    server.create_widget()

    answer = server.api.delete(server.widgets("one"), {"propagationPolicy": policy})

    assert 422 == answer.status
