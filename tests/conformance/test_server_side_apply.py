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


def test_two_managers_share_an_object(server: Server) -> None:
    """Each owns its fields; neither removes the other's."""
    apply(server, "left", {"size": 1})
    apply(server, "right", {"colour": "blue"})

    after = apply(server, "left", {"size": 2})

    assert {"size": 2, "colour": "blue"} == after["spec"]
    assert {"left", "right"} == {manager for manager, _ in managers(after)}


def test_changing_a_field_of_another_is_a_conflict(server: Server) -> None:
    """The refusal names manager and field, and nothing is written."""
    before = apply(server, "left", {"size": 1})

    answer = server.api.apply(server.widgets("one"), wanted(size=2), "right")

    assert (409, "Conflict") == (answer.status, answer.reason)
    assert 'Apply failed with 1 conflict: conflict with "left": .spec.size' == answer.body["message"]
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "left"', "field": ".spec.size"}
    assert [cause] == answer.body["details"]["causes"]
    assert before == server.api.get(server.widgets("one")).expect()


def test_several_conflicts_are_told_at_once(server: Server) -> None:
    """People decide once."""
    apply(server, "left", {"size": 1, "colour": "red"})

    answer = server.api.apply(server.widgets("one"), wanted(size=2, colour="blue"), "right")

    message = 'Apply failed with 2 conflicts: conflicts with "left":\n- .spec.colour\n- .spec.size'
    assert message == answer.body["message"]


def test_a_conflict_with_a_plain_writer_says_how_it_wrote(server: Server) -> None:
    """Fields set by create, update or patch belong to somebody as well."""
    server.api.post(server.widgets(), widget("one", size=1), fieldManager="editor").expect()

    answer = server.api.apply(server.widgets("one"), wanted(size=2), "tool")

    assert 409 == answer.status
    assert answer.body["message"].startswith(
        'Apply failed with 1 conflict: conflict with "editor" using conformance.kelos.dev/v1'
    )


def test_force_takes_the_field(server: Server) -> None:
    """The loser no longer owns it."""
    apply(server, "left", {"size": 1, "colour": "blue"})

    after = apply(server, "right", {"size": 2}, force=True)

    assert 2 == after["spec"]["size"]
    assert {"f:colour": {}} == fields_of(after, "left")
    assert {"f:size": {}} == fields_of(after, "right")


def test_the_same_value_is_owned_together(server: Server) -> None:
    """Agreement is no conflict, and the field stays until the last owner leaves."""
    apply(server, "left", {"size": 1, "name": "x"})
    apply(server, "right", {"name": "x"})

    assert "x" == apply(server, "left", {"size": 1})["spec"]["name"]
    assert "name" not in apply(server, "right", {})["spec"]


def test_a_plain_update_takes_fields_without_asking(server: Server) -> None:
    """PUT and patch always win; the applier learns it at its next apply."""
    apply(server, "tool", {"size": 1})

    after = stored(server.api.patch(server.widgets("one"), {"spec": {"size": 2}}, fieldManager="editor"))

    assert {("tool", "Apply"), ("editor", "Update")} >= set(managers(after))
    assert {"f:size": {}} == fields_of(after, "editor")
    assert 409 == server.api.apply(server.widgets("one"), wanted(size=1), "tool").status


def test_items_with_keys_are_owned_one_by_one(server: Server) -> None:
    """Two managers keep one list, each its own entries."""
    apply(server, "left", {"size": 1, "ports": [{"name": "http", "number": 80}]})
    apply(server, "right", {"ports": [{"name": "https", "number": 443}]})

    shared = apply(server, "left", {"size": 1, "ports": [{"name": "http", "number": 8080}]})
    left_alone = apply(server, "left", {"size": 1})

    assert {"http": 8080, "https": 443} == {port["name"]: port["number"] for port in shared["spec"]["ports"]}
    assert ["https"] == [port["name"] for port in left_alone["spec"]["ports"]]


def test_items_of_a_set_are_owned_one_by_one(server: Server) -> None:
    """The same for lists of plain values that are sets."""
    apply(server, "left", {"size": 1, "tags": ["a", "b"]})

    both = apply(server, "right", {"tags": ["b", "c"]})
    left_alone = apply(server, "left", {"size": 1})

    assert {"a", "b", "c"} == set(both["spec"]["tags"])
    assert {"b", "c"} == set(left_alone["spec"]["tags"])


def test_labels_are_owned_one_by_one(server: Server) -> None:
    """Metadata too."""
    path = server.config_maps("one")
    server.api.apply(path, config_map("one", labels={"a": "1"}), "left").expect()
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "labels": {"b": "2"}}}

    after = stored(server.api.apply(path, body, "right"))

    assert {"a": "1", "b": "2"} == after["metadata"]["labels"]
    assert {"key": "value"} == after["data"]


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
