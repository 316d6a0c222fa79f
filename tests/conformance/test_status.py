"""The status subresource: people own the spec, controllers own the status, and neither writes the other's."""

from typing import Any

from .servers import WIDGETS, Server, prefix, stored, widget

REALMS = f"{prefix(WIDGETS)}/realms"


def put_status(server: Server, thing: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return stored(server.api.put(server.widgets(thing["metadata"]["name"], "status"), {**thing, **changes}))


def test_a_creation_has_no_status(server: Server) -> None:
    """Whoever may create must not be able to claim success."""
    body = {**widget(), "status": {"phase": "Succeeded"}}

    assert "status" not in stored(server.api.post(server.widgets(), body))


def test_a_replacement_leaves_the_status(server: Server) -> None:
    """Neither changed nor removed by who writes the spec."""
    thing = put_status(server, server.create_widget(), status={"phase": "Running"})

    after = stored(server.api.put(server.widgets("one"), {**thing, "spec": {"size": 2}, "status": {"phase": "Fake"}}))
    bare = {key: value for key, value in after.items() if key != "status"}
    again = stored(server.api.put(server.widgets("one"), bare))

    assert ({"size": 2, "colour": "green"}, {"phase": "Running"}) == (after["spec"], after["status"])
    assert {"phase": "Running"} == again["status"]


def test_a_patch_leaves_the_status(server: Server) -> None:
    """The same for patches of the object."""
    server.create_widget()

    after = stored(server.api.patch(server.widgets("one"), {"spec": {"size": 2}, "status": {"phase": "Fake"}}))

    assert (2, None) == (after["spec"]["size"], after.get("status"))


def test_a_status_write_leaves_the_rest(server: Server) -> None:
    """A controller with an old spec in its hands does not write it back."""
    thing = server.create_widget(size=1)

    after = put_status(server, thing, spec={"size": 2}, status={"phase": "Running"})

    assert ({"size": 1, "colour": "green"}, {"phase": "Running"}) == (after["spec"], after["status"])


def test_a_status_write_leaves_labels_and_finalizers(server: Server) -> None:
    """Metadata is not part of it either."""
    thing = server.create_widget()
    thing["metadata"] |= {"labels": {"a": "b"}, "finalizers": ["example.org/hold"]}

    metadata = put_status(server, thing, status={"phase": "Running"})["metadata"]

    assert not {"labels", "finalizers"} & metadata.keys()


def test_a_status_write_keeps_the_generation(server: Server) -> None:
    """`observedGeneration` can catch up with `generation`."""
    thing = server.create_widget()

    after = put_status(server, thing, status={"observedGeneration": 1})

    assert 1 == after["metadata"]["generation"]
    assert int(after["metadata"]["resourceVersion"]) > int(thing["metadata"]["resourceVersion"])


def test_a_stale_status_write_is_a_conflict(server: Server) -> None:
    """Two leaders cannot both be believed."""
    thing = server.create_widget()
    put_status(server, thing, status={"phase": "Running"})

    answer = server.api.put(server.widgets("one", "status"), {**thing, "status": {"phase": "Failed"}})

    assert (409, "Conflict") == (answer.status, answer.reason)


def test_a_status_can_be_patched(server: Server) -> None:
    """Merge and JSON patch reach it, and only it."""
    server.create_widget(size=1)
    path = server.widgets("one", "status")

    server.api.patch(path, {"status": {"phase": "Running"}, "spec": {"size": 9}}).expect()
    steps = [{"op": "add", "path": "/status/observedGeneration", "value": 1}]
    after = stored(server.api.patch(path, steps, "json-patch+json"))

    assert (1, {"phase": "Running", "observedGeneration": 1}) == (after["spec"]["size"], after["status"])


def test_an_equal_status_writes_nothing(server: Server) -> None:
    """The pass that finds nothing new wakes nobody."""
    before = put_status(server, server.create_widget(), status={"phase": "Running"})

    after = put_status(server, before, status={"phase": "Running"})

    assert before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]


def test_a_status_is_validated(server: Server) -> None:
    """The schema holds for it as for the spec."""
    server.create_widget()

    answer = server.api.patch(
        server.widgets("one", "status"), {"status": {"conditions": [{"type": "Ready", "status": "Maybe"}]}}
    )

    assert 422 == answer.status


def test_a_status_can_be_read_on_its_own_path(server: Server) -> None:
    """It answers with the whole object."""
    created = server.create_widget()

    assert created == server.api.get(server.widgets("one", "status")).expect()


def test_a_kind_without_the_subresource_has_no_such_path(server: Server) -> None:
    """There a status is a field like any other, and everybody writes it."""
    name = f"realm-{server.namespace}"
    body = {"apiVersion": WIDGETS, "kind": "Realm", "metadata": {"name": name}, "status": {"phase": "Said"}}

    created = stored(server.api.post(REALMS, body))

    assert {"phase": "Said"} == created["status"]
    assert 404 == server.api.patch(f"{REALMS}/{name}/status", {"status": {}}).status
    assert 404 == server.api.get(server.path("v1", "configmaps", "one", "status")).status
