"""The end of objects: preconditions, finalizers, and what happens to those they own."""

from typing import Any

import pytest

from realcluster.waiting import wait_for

from .servers import WIDGETS, Server, causes, names, owned_by, prefix, stored, widget

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


def test_children_follow_their_owner(server: Server) -> None:
    """Background: the owner goes at once, the collector takes what it owned."""
    owner = server.create_widget()
    server.create_config_map("child", ownerReferences=owned_by(owner))

    server.api.delete(server.widgets("one"), {"propagationPolicy": "Background"}).expect()

    assert 404 == server.api.get(server.widgets("one")).status
    server.await_gone(server.config_maps("child"))


def test_children_of_custom_kinds_follow_by_default(server: Server) -> None:
    """No policy means background."""
    owner = server.create_widget()
    server.create_config_map("child", ownerReferences=owned_by(owner))

    server.api.delete(server.widgets("one")).expect()

    server.await_gone(server.config_maps("child"))


def test_grandchildren_follow(server: Server) -> None:
    """The collector goes down the whole tree."""
    owner = server.create_widget()
    child = server.create_config_map("child", ownerReferences=owned_by(owner))
    server.create_config_map("grandchild", ownerReferences=owned_by(child))

    server.api.delete(server.widgets("one")).expect()

    server.await_gone(server.config_maps("grandchild"))


def test_a_foreground_deletion_waits_for_the_children(server: Server) -> None:
    """The owner stays, marked, until those that block it are gone."""
    owner = server.create_widget()
    references = owned_by(owner, blockOwnerDeletion=True)
    server.create_config_map("child", ownerReferences=references, finalizers=[HOLD])

    answer = server.api.delete(server.widgets("one"), {"propagationPolicy": "Foreground"})
    assert ["foregroundDeletion"] == answer.expect()["metadata"]["finalizers"]
    wait_for(
        "the child to be deleted",
        lambda: "deletionTimestamp" in server.api.get(server.config_maps("child")).expect()["metadata"],
    )
    assert 200 == server.api.get(server.widgets("one")).status

    release(server, server.config_maps("child"))
    server.await_gone(server.widgets("one"))


def test_orphans_stay(server: Server) -> None:
    """They lose the reference and live on."""
    owner = server.create_widget()
    server.create_config_map("child", ownerReferences=owned_by(owner))

    server.api.delete(server.widgets("one"), {"propagationPolicy": "Orphan"}).expect()
    server.await_gone(server.widgets("one"))

    assert "ownerReferences" not in server.api.get(server.config_maps("child")).expect()["metadata"]


def test_a_child_with_two_owners_outlives_one(server: Server) -> None:
    """It loses that reference and goes with the last."""
    owners = [server.create_widget("a"), server.create_widget("b")]
    server.create_config_map("child", ownerReferences=owned_by(*owners))

    def references() -> list[str]:
        metadata = server.api.get(server.config_maps("child")).expect()["metadata"]
        return [one["name"] for one in metadata["ownerReferences"]]

    server.api.delete(server.widgets("a")).expect()
    wait_for("the first reference to go", lambda: references() == ["b"])
    server.api.delete(server.widgets("b")).expect()

    server.await_gone(server.config_maps("child"))


def test_a_child_of_a_former_incarnation_is_collected(server: Server) -> None:
    """The uid counts, not the name: a new object does not inherit."""
    former = server.create_widget()
    server.api.delete(server.widgets("one")).expect()
    server.create_widget()

    server.create_config_map("child", ownerReferences=owned_by(former))

    server.await_gone(server.config_maps("child"))


def test_a_child_that_is_held_waits(server: Server) -> None:
    """Finalizers count for the collector as for everybody."""
    owner = server.create_widget()
    server.create_config_map("child", ownerReferences=owned_by(owner), finalizers=[HOLD])

    server.api.delete(server.widgets("one")).expect()
    wait_for(
        "the child to be deleted",
        lambda: "deletionTimestamp" in server.api.get(server.config_maps("child")).expect()["metadata"],
    )
    release(server, server.config_maps("child"))

    assert 404 == server.api.get(server.config_maps("child")).status


def test_an_owner_is_named_completely(server: Server) -> None:
    """A reference without uid could never be checked."""
    reference = {"apiVersion": WIDGETS, "kind": "Widget", "name": "one"}

    assert (
        422 == server.api.post(server.config_maps(), {"metadata": {"name": "a", "ownerReferences": [reference]}}).status
    )


def test_only_one_owner_is_in_control(server: Server) -> None:
    """Two controllers of one object would fight."""
    owners = [server.create_widget("a"), server.create_widget("b")]
    body = {"metadata": {"name": "c", "ownerReferences": owned_by(*owners, controller=True)}}

    assert 422 == server.api.post(server.config_maps(), body).status


def test_an_object_outside_namespaces_may_own_one_inside(server: Server) -> None:
    """Not the other way round."""
    realms = f"{prefix(WIDGETS)}/realms"
    realm = f"realm-{server.namespace}"
    body = {"apiVersion": WIDGETS, "kind": "Realm", "metadata": {"name": realm}}
    owner = stored(server.api.post(realms, body))
    server.create_config_map("child", ownerReferences=owned_by(owner))

    server.api.delete(f"{realms}/{realm}").expect()

    server.await_gone(server.config_maps("child"))


def test_a_namespace_takes_everything_along(server: Server) -> None:
    """Terminating first, refusing new objects, then gone."""
    server.create_widget()
    server.create_config_map("held", finalizers=[HOLD])
    namespace = f"/api/v1/namespaces/{server.namespace}"

    server.api.delete(namespace).expect()
    wait_for("the phase", lambda: server.api.get(namespace).expect()["status"]["phase"] == "Terminating")
    refused = server.api.post(server.config_maps(), {"metadata": {"name": "late"}})
    wait_for("the widget to go", lambda: names(server.api.get(server.widgets()).expect()) == [])
    release(server, server.config_maps("held"))

    assert (403, "Forbidden") == (refused.status, refused.reason)
    server.await_gone(namespace)


@pytest.mark.parametrize("policy", ["Sideways", ""])
def test_an_unknown_policy_is_refused(server: Server, policy: str) -> None:
    """Rather than taken for the default."""
    server.create_widget()

    answer = server.api.delete(server.widgets("one"), {"propagationPolicy": policy})

    assert 422 == answer.status
