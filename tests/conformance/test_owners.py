"""Owners: what becomes of those that an object owns, and of everything in a namespace."""

from realcluster.waiting import wait_for

from .servers import WIDGETS, Server, names, owned_by, prefix, stored

HOLD = "example.org/hold"


def release(server: Server, path: str) -> None:
    server.api.patch(path, {"metadata": {"finalizers": None}}).expect()


def await_collector(server: Server) -> None:
    """Wait until the collector knows the ConfigMaps that are there: it takes away a later one, whose owner never was.

    It sees each kind by a watch of its own. An owner that it sees go before the child has no child.
    """
    ghost = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ghost", "uid": "0-0"}}
    server.create_config_map("late", ownerReferences=owned_by(ghost))
    server.await_gone(server.config_maps("late"))


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
    await_collector(server)

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
    await_collector(server)

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
