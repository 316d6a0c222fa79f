"""One object: created, read, replaced and deleted, with the checks that keep two writers apart."""

import re
from typing import Any

import pytest

from .servers import Server, causes, config_map, stored, widget


def test_a_created_object_carries_what_the_server_adds(server: Server) -> None:
    """Controllers rely on uid, version, generation and time from the first moment."""
    answer = server.api.post(server.widgets(), widget("one"))

    metadata = answer.body["metadata"]
    assert 201 == answer.status
    assert ("one", server.namespace, 1) == (metadata["name"], metadata["namespace"], metadata["generation"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert re.fullmatch(r"\d+", metadata["resourceVersion"])


def test_what_was_created_can_be_read(server: Server) -> None:
    """GET gives exactly the object that the creation answered with."""
    created = server.create_widget()

    assert created == server.api.get(server.widgets("one")).expect(200)


def test_the_writer_does_not_choose_the_systems_fields(server: Server) -> None:
    """A copied manifest brings old system fields along; they are not believed."""
    system = {
        "uid": "11111111-1111-1111-1111-111111111111",
        "creationTimestamp": "2001-01-01T00:00:00Z",
        "generation": 7,
        "deletionTimestamp": "2001-01-01T00:00:00Z",
        "selfLink": "/nowhere",
    }
    body = widget("one")
    body["metadata"] |= system

    metadata = stored(server.api.post(server.widgets(), body))["metadata"]

    assert system["uid"] != metadata["uid"]
    assert system["creationTimestamp"] != metadata["creationTimestamp"]
    assert 1 == metadata["generation"]
    assert "deletionTimestamp" not in metadata


def test_the_same_name_cannot_be_created_twice(server: Server) -> None:
    """Deterministic names make a second start harmless: exactly one creation succeeds."""
    server.create_widget("one")

    answer = server.api.post(server.widgets(), widget("one"))

    assert (409, "AlreadyExists") == (answer.status, answer.reason)
    assert 'widgets.conformance.kelos.dev "one" already exists' == answer.body["message"]


def test_the_same_name_may_be_used_by_another_kind(server: Server) -> None:
    """A Job may be called like its Task."""
    server.create_widget("one")

    assert 201 == server.api.post(server.config_maps(), config_map("one")).status


def test_a_generated_name_is_new_each_time(server: Server) -> None:
    """`generateName` is a prefix and five characters of the server's."""
    body = widget()
    body["metadata"] = {"generateName": "run-"}

    made = [stored(server.api.post(server.widgets(), body))["metadata"] for _ in range(2)]

    assert all(re.fullmatch(r"run-[a-z0-9]{5}", one["name"]) for one in made)
    assert made[0]["name"] != made[1]["name"]
    assert "run-" == made[0]["generateName"]


def test_a_given_name_wins_over_a_generated_one(server: Server) -> None:
    """Both may be set; the prefix is then only remembered."""
    body = widget("one")
    body["metadata"]["generateName"] = "run-"

    assert "one" == stored(server.api.post(server.widgets(), body))["metadata"]["name"]


@pytest.mark.parametrize("metadata", [{}, {"name": ""}])
def test_an_object_needs_a_name(server: Server, metadata: dict[str, Any]) -> None:
    """Without name and prefix there is nothing to store it under."""
    answer = server.api.post(server.widgets(), {**widget(), "metadata": metadata})

    assert (422, "Invalid") == (answer.status, answer.reason)
    assert ("metadata.name", "FieldValueRequired") in causes(answer)


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "dash-", "a b", "a" * 254])
def test_an_illegal_name_is_refused(server: Server, name: str) -> None:
    """Names become DNS names and parts of paths."""
    answer = server.api.post(server.widgets(), widget(name))

    assert (422, "Invalid") == (answer.status, answer.reason)
    assert {("metadata.name", "FieldValueInvalid")} == causes(answer)


@pytest.mark.parametrize(
    ("labels", "field"),
    [({"k": "has space"}, "metadata.labels"), ({"k": "v" * 64}, "metadata.labels"), ({"/k": "v"}, "metadata.labels")],
)
def test_an_illegal_label_is_refused(server: Server, labels: dict[str, str], field: str) -> None:
    """Whoever makes labels of foreign text must shorten and clean it, or nothing is created."""
    answer = server.api.post(server.config_maps(), config_map(labels=labels))

    assert (422, {(field, "FieldValueInvalid")}) == (answer.status, causes(answer))


def test_an_object_cannot_be_created_in_a_namespace_that_is_not_there(server: Server) -> None:
    """The refusal names the namespace, not the object."""
    answer = server.api.post("/api/v1/namespaces/nowhere/configmaps", config_map())

    assert (404, "NotFound", 'namespaces "nowhere" not found') == (answer.status, answer.reason, answer.body["message"])


def test_body_and_path_agree_on_the_namespace(server: Server) -> None:
    """A manifest for one namespace is not put into another by mistake."""
    answer = server.api.post(server.config_maps(), config_map(namespace="elsewhere"))

    assert (400, "BadRequest") == (answer.status, answer.reason)


def test_body_and_path_agree_on_the_kind(server: Server) -> None:
    """A ConfigMap is not stored as a Widget."""
    answer = server.api.post(server.widgets(), config_map())

    assert (400, "BadRequest") == (answer.status, answer.reason)


def test_a_replacement_changes_version_and_generation(server: Server) -> None:
    """The generation counts what people ask for; the version counts every write."""
    before = server.create_widget(size=1)

    after = stored(server.api.put(server.widgets("one"), {**before, "spec": {"size": 2}}))

    assert 2 == after["metadata"]["generation"]
    assert int(after["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])
    assert before["metadata"]["uid"] == after["metadata"]["uid"]


def test_labels_do_not_change_the_generation(server: Server) -> None:
    """A controller that compares generations is not woken by metadata."""
    before = server.create_widget()
    before["metadata"]["labels"] = {"a": "b"}

    after = stored(server.api.put(server.widgets("one"), before))

    assert 1 == after["metadata"]["generation"]


def test_an_equal_replacement_writes_nothing(server: Server) -> None:
    """A controller that repeats itself wakes nobody."""
    before = server.create_widget()

    after = stored(server.api.put(server.widgets("one"), before))

    assert before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]


def test_a_stale_replacement_is_a_conflict(server: Server) -> None:
    """The second of two writers learns that the object moved, and nothing is overwritten."""
    first = server.create_widget(size=1)
    server.api.put(server.widgets("one"), {**first, "spec": {"size": 2}}).expect()

    answer = server.api.put(server.widgets("one"), {**first, "spec": {"size": 3}})

    assert (409, "Conflict") == (answer.status, answer.reason)
    assert answer.body["message"].startswith('Operation cannot be fulfilled on widgets.conformance.kelos.dev "one": ')
    assert 2 == server.api.get(server.widgets("one")).expect()["spec"]["size"]


def test_a_custom_object_is_not_replaced_without_a_version(server: Server) -> None:
    """Custom kinds insist on the optimistic lock."""
    server.create_widget()

    answer = server.api.put(server.widgets("one"), widget("one", size=2))

    assert (422, {("metadata.resourceVersion", "FieldValueInvalid")}) == (answer.status, causes(answer))


def test_a_config_map_may_be_replaced_without_a_version(server: Server) -> None:
    """Most built-in kinds take "last writer wins" when no version is named."""
    server.create_config_map()

    answer = server.api.put(server.config_maps("one"), {**config_map("one"), "data": {"key": "new"}})

    assert {"key": "new"} == answer.expect(200)["data"]


def test_nothing_is_replaced_that_is_not_there(server: Server) -> None:
    """A replacement after a deletion does not bring the object back."""
    assert 404 == server.api.put(server.config_maps("one"), config_map("one")).status


def test_a_replacement_of_another_incarnation_is_a_conflict(server: Server) -> None:
    """Same name, other uid: the object was deleted and made anew in between."""
    server.create_config_map()
    body = config_map("one", uid="11111111-1111-1111-1111-111111111111")
    answer = server.api.put(server.config_maps("one"), body)

    assert (409, "Conflict") == (answer.status, answer.reason)


def test_a_replacement_cannot_rename(server: Server) -> None:
    """The name in the body is the name in the path."""
    server.create_config_map("one")

    assert 400 == server.api.put(server.config_maps("one"), config_map("two")).status


def test_a_creation_must_not_bring_a_version(server: Server) -> None:
    """A body that was read before is not new."""
    answer = server.api.post(server.config_maps(), config_map(resourceVersion="1"))

    assert "resourceVersion should not be set on objects to be created" == answer.body["message"]


def test_versions_rise_over_all_kinds(server: Server) -> None:
    """One counter for the whole server: a list's version can start a watch of another kind."""
    first = server.create_widget("one")
    second = server.create_config_map("two")
    third = server.create_widget("three")

    versions = [int(one["metadata"]["resourceVersion"]) for one in (first, second, third)]
    assert versions == sorted(set(versions))


def test_a_dry_run_answers_and_stores_nothing(server: Server) -> None:
    """Validation, defaults and all, without the object."""
    answer = server.api.post(server.widgets(), widget("one"), dryRun="All")

    assert (201, "green") == (answer.status, answer.body["spec"]["colour"])
    assert 404 == server.api.get(server.widgets("one")).status


def test_a_dry_run_of_a_bad_object_is_refused(server: Server) -> None:
    """That is what it is for."""
    assert 422 == server.api.post(server.widgets(), widget("one", size=0), dryRun="All").status


def test_dry_runs_of_replacement_and_deletion_change_nothing(server: Server) -> None:
    """`kubectl diff` and `delete --dry-run=server` look only."""
    before = server.create_widget(size=1)

    replaced = server.api.put(server.widgets("one"), {**before, "spec": {"size": 2}}, dryRun="All")
    deleted = server.api.delete(server.widgets("one"), dryRun="All")

    assert (2, 200) == (replaced.expect()["spec"]["size"], deleted.status)
    assert before == server.api.get(server.widgets("one")).expect()
