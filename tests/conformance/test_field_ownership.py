"""Field ownership: who said what, and what happens when two disagree."""

from typing import Any

from .servers import Server, config_map, stored, widget


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
