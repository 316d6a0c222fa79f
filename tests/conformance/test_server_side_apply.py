"""Server-side apply: everybody says what they want, the server remembers who said it and refuses to let two quarrel."""

from typing import Any

import pytest

from .servers import Server, causes, config_map, stored, widget


def wanted(**spec: Any) -> dict[str, Any]:
    """A widget that asks for these fields only."""
    return {**widget(), "spec": spec}


def managers(thing: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["manager"], entry["operation"]) for entry in thing["metadata"]["managedFields"]]


def fields_of(thing: dict[str, Any], manager: str, subresource: str = "") -> Any:
    """What the server says that manager owns in the spec, or in the status for that subresource."""
    for entry in thing["metadata"]["managedFields"]:
        if (entry["manager"], entry.get("subresource", "")) == (manager, subresource):
            return entry["fieldsV1"].get("f:status" if subresource else "f:spec", {})
    return None


def apply(server: Server, manager: str, spec: dict[str, Any], **query: Any) -> dict[str, Any]:
    return stored(server.api.apply(server.widgets("one"), wanted(**spec), manager, **query))


def test_apply_creates_what_is_not_there(server: Server) -> None:
    """201 the first time, and the manager owns exactly what it said, not what was defaulted."""
    answer = server.api.apply(server.widgets("one"), wanted(size=1), "tool")

    assert (201, "green") == (answer.status, answer.body["spec"]["colour"])
    assert [("tool", "Apply")] == managers(answer.body)
    assert {"f:size": {}} == fields_of(answer.body, "tool")


def test_the_record_of_a_manager_says_how_it_wrote(server: Server) -> None:
    """Tools read version, format and time."""
    (entry,) = apply(server, "tool", {"size": 1})["metadata"]["managedFields"]

    assert "time" in entry
    assert {
        "manager": "tool",
        "operation": "Apply",
        "apiVersion": "conformance.kelos.dev/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:size": {}}},
    } == {key: value for key, value in entry.items() if key != "time"}


def test_applying_the_same_again_writes_nothing(server: Server) -> None:
    """200 and the same version: pipelines apply on every run."""
    first = apply(server, "tool", {"size": 1})

    answer = server.api.apply(server.widgets("one"), wanted(size=1), "tool")

    assert (200, first) == (answer.status, answer.body)


def test_apply_changes_and_adds_its_fields(server: Server) -> None:
    """A later wish of the same manager replaces the earlier."""
    apply(server, "tool", {"size": 1})

    assert {"size": 2, "colour": "blue"} == apply(server, "tool", {"size": 2, "colour": "blue"})["spec"]


def test_a_field_that_is_no_longer_wanted_goes(server: Server) -> None:
    """Leaving a field out of the manifest removes it, when nobody else wants it."""
    apply(server, "tool", {"size": 1, "name": "x", "labels": {"a": "1", "b": "2"}})

    after = apply(server, "tool", {"size": 1, "labels": {"b": "2"}})

    assert {"size": 1, "colour": "green", "labels": {"b": "2"}} == after["spec"]


def test_a_default_returns_when_its_field_is_given_up(server: Server) -> None:
    """Not wanted means as if never said."""
    apply(server, "tool", {"size": 1, "colour": "blue"})

    assert "green" == apply(server, "tool", {"size": 1})["spec"]["colour"]


def test_built_in_kinds_can_be_applied(server: Server) -> None:
    """What the controller writes into the cluster is often applied, not created."""
    path = server.config_maps("one")
    server.api.apply(path, config_map("one"), "tool").expect(201)

    body = {**config_map("one"), "data": {"other": "1"}}

    assert {"other": "1"} == server.api.apply(path, body, "tool").expect(200)["data"]


def test_a_status_is_applied_on_its_own(server: Server) -> None:
    """Two appliers of conditions keep to their own; the spec is not touched and the record names the subresource."""
    apply(server, "tool", {"size": 1})

    def apply_status(manager: str, kind: str) -> dict[str, Any]:
        status = {"conditions": [{"type": kind, "status": "True"}]}
        body = {**wanted(), "status": status}
        body.pop("spec")
        return stored(server.api.apply(server.widgets("one", "status"), body, manager))

    apply_status("left", "Ready")
    after = apply_status("right", "Warm")

    assert {"Ready", "Warm"} == {one["type"] for one in after["status"]["conditions"]}
    assert {"size": 1, "colour": "green"} == after["spec"]
    assert ['k:{"type":"Ready"}'] == list(fields_of(after, "left", "status")["f:conditions"])


def test_apply_needs_a_manager(server: Server) -> None:
    """Without a name nobody would own anything."""
    answer = server.api.patch(server.widgets("one"), wanted(size=1), "apply-patch+yaml")

    assert 422 == answer.status
    assert ("fieldManager", "FieldValueRequired") in causes(answer)


def test_apply_is_written_in_yaml(server: Server) -> None:
    """The media type promises it."""
    body = b"apiVersion: conformance.kelos.dev/v1\nkind: Widget\nmetadata: {name: one}\nspec:\n  size: 3\n"

    assert 3 == server.api.apply(server.widgets("one"), body, "tool").expect(201)["spec"]["size"]


@pytest.mark.parametrize(
    "body",
    [
        {**widget("two")},
        {**widget("one"), "kind": "ConfigMap"},
        {"metadata": {"name": "one"}, "spec": {"size": 1}},
        {**widget("one"), "metadata": {"name": "one", "managedFields": [{"manager": "x", "operation": "Apply"}]}},
        b"\tnot yaml",
    ],
)
def test_a_wish_for_something_else_is_refused(server: Server, body: Any) -> None:
    """Name and kind agree with the path, and nobody writes the record by hand."""
    assert 400 <= server.api.apply(server.widgets("one"), body, "tool").status < 500


def test_an_applied_object_must_be_valid(server: Server) -> None:
    """The schema holds for every way of writing."""
    answer = server.api.apply(server.widgets("one"), wanted(size=0), "tool")

    assert (422, "Invalid") == (answer.status, answer.reason)


def test_a_stale_version_in_an_apply_is_a_conflict(server: Server) -> None:
    """The optimistic lock works here as well."""
    before = apply(server, "tool", {"size": 1})
    apply(server, "tool", {"size": 2})
    body = wanted(size=3)
    body["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]

    answer = server.api.apply(server.widgets("one"), body, "tool")

    assert (409, "Conflict") == (answer.status, answer.reason)


def test_a_dry_run_of_an_apply_stores_nothing(server: Server) -> None:
    """`kubectl diff --server-side` shows what would be."""
    answer = server.api.apply(server.widgets("one"), wanted(size=1), "tool", dryRun="All")

    assert 201 == answer.status
    assert 404 == server.api.get(server.widgets("one")).status


def test_a_plain_writer_is_recorded_by_its_program(server: Server) -> None:
    """Without a field manager the first part of the user agent names the writer."""
    answer = server.api.request("POST", server.widgets(), widget(), headers={"User-Agent": "robot/1.2 (linux)"})

    assert [("robot", "Update")] == managers(answer.expect(201))


def test_the_record_can_be_dropped(server: Server) -> None:
    """An empty entry clears it: the way out after a migration."""
    apply(server, "tool", {"size": 1})

    after = stored(server.api.patch(server.widgets("one"), {"metadata": {"managedFields": [{}]}}))

    assert "managedFields" not in after["metadata"]
