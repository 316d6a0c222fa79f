"""Patches: JSON merge patch and JSON patch."""

from typing import Any

import pytest

from .servers import Server

MERGE, JSON_PATCH = "merge-patch+json", "json-patch+json"


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"size": 2}, {"size": 2, "colour": "red", "labels": {"a": "1"}, "tags": ["x", "y"]}),
        ({"labels": {"b": "2"}}, {"size": 1, "colour": "red", "labels": {"a": "1", "b": "2"}, "tags": ["x", "y"]}),
        ({"labels": {"a": None}}, {"size": 1, "colour": "red", "labels": {}, "tags": ["x", "y"]}),
        ({"tags": ["z"]}, {"size": 1, "colour": "red", "labels": {"a": "1"}, "tags": ["z"]}),
        ({"tags": None, "labels": None}, {"size": 1, "colour": "red"}),
        ({"colour": None}, {"size": 1, "colour": "green", "labels": {"a": "1"}, "tags": ["x", "y"]}),
    ],
)
def test_a_merge_patch_sets_and_removes(server: Server, patch: dict[str, Any], expected: dict[str, Any]) -> None:
    """Maps merge, lists and values are replaced, null removes, and defaults return."""
    server.create_widget(colour="red", labels={"a": "1"}, tags=["x", "y"])

    assert expected == server.api.patch(server.widgets("one"), {"spec": patch}, MERGE).expect()["spec"]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([{"op": "replace", "path": "/spec/size", "value": 2}], {"size": 2}),
        ([{"op": "add", "path": "/spec/tags/-", "value": "z"}], {"tags": ["x", "y", "z"]}),
        ([{"op": "add", "path": "/spec/tags/0", "value": "z"}], {"tags": ["z", "x", "y"]}),
        ([{"op": "remove", "path": "/spec/tags/0"}], {"tags": ["y"]}),
        ([{"op": "move", "from": "/spec/labels/a", "path": "/spec/labels/b"}], {"labels": {"b": "1"}}),
        ([{"op": "copy", "from": "/spec/labels/a", "path": "/spec/labels/b"}], {"labels": {"a": "1", "b": "1"}}),
        ([{"op": "add", "path": "/spec/labels/x~1y~0z", "value": "2"}], {"labels": {"a": "1", "x/y~z": "2"}}),
        (
            [{"op": "test", "path": "/spec/size", "value": 1}, {"op": "replace", "path": "/spec/size", "value": 3}],
            {"size": 3},
        ),
    ],
)
def test_a_json_patch_does_its_steps(server: Server, steps: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    """In order, on the object as it is."""
    server.create_widget(labels={"a": "1"}, tags=["x", "y"])

    spec = server.api.patch(server.widgets("one"), steps, JSON_PATCH).expect()["spec"]

    assert expected.items() <= spec.items()


@pytest.mark.parametrize(
    "steps",
    [
        [{"op": "test", "path": "/spec/size", "value": 9}, {"op": "replace", "path": "/spec/size", "value": 2}],
        [{"op": "replace", "path": "/spec/size", "value": 2}, {"op": "remove", "path": "/spec/nothing"}],
        [{"op": "replace", "path": "/spec/size", "value": 2}, {"op": "add", "path": "/spec/a/b", "value": 1}],
    ],
)
def test_a_json_patch_that_fails_changes_nothing(server: Server, steps: list[dict[str, Any]]) -> None:
    """All steps or none: `test` is a lock."""
    before = server.create_widget()

    answer = server.api.patch(server.widgets("one"), steps, JSON_PATCH)

    assert (422, "Invalid") == (answer.status, answer.reason)
    assert before == server.api.get(server.widgets("one")).expect()


@pytest.mark.parametrize("body", [b"{}", b"[{]", [{"op": "dance", "path": "/spec"}], [{"path": "/spec"}]])
def test_a_json_patch_that_is_none_is_refused(server: Server, body: Any) -> None:
    """The caller's mistake, whatever it is."""
    server.create_widget()

    assert server.api.patch(server.widgets("one"), body, JSON_PATCH).status in (400, 422)


def test_a_merge_patch_that_is_none_is_refused(server: Server) -> None:
    """Broken JSON is a bad request."""
    server.create_widget()

    assert 400 == server.api.patch(server.widgets("one"), b"{", MERGE).status


def test_a_patch_needs_its_object(server: Server) -> None:
    """Only apply creates."""
    assert 404 == server.api.patch(server.widgets("nobody"), {"spec": {"size": 2}}).status


def test_a_patched_object_must_be_valid(server: Server) -> None:
    """The result is checked, not the patch."""
    server.create_widget()

    answer = server.api.patch(server.widgets("one"), {"spec": {"size": 0}})

    assert (422, "Invalid") == (answer.status, answer.reason)


def test_a_patch_that_changes_nothing_writes_nothing(server: Server) -> None:
    """The version stays."""
    before = server.create_widget()

    assert before == server.api.patch(server.widgets("one"), {"spec": {"size": 1}}).expect()


def test_a_patch_with_a_stale_version_is_a_conflict(server: Server) -> None:
    """A version in the patch is a wish for the optimistic lock."""
    before = server.create_widget()
    server.api.patch(server.widgets("one"), {"spec": {"size": 2}}).expect()

    version = before["metadata"]["resourceVersion"]
    answer = server.api.patch(server.widgets("one"), {"metadata": {"resourceVersion": version}, "spec": {"size": 3}})

    assert (409, "Conflict") == (answer.status, answer.reason)


def test_a_patch_without_a_version_takes_the_newest(server: Server) -> None:
    """Two patches of different fields never collide."""
    server.create_widget()
    server.api.patch(server.widgets("one"), {"spec": {"size": 2}}).expect()

    after = server.api.patch(server.widgets("one"), {"spec": {"colour": "blue"}}).expect()

    assert {"size": 2, "colour": "blue"} == after["spec"]


def test_a_patch_for_another_incarnation_is_refused(server: Server) -> None:
    """A uid in the patch must be the object's."""
    before = server.create_widget()
    other = {"uid": "11111111-1111-1111-1111-111111111111"}

    answer = server.api.patch(server.widgets("one"), {"metadata": other, "spec": {"size": 3}})

    assert answer.status in (409, 422)
    assert before == server.api.get(server.widgets("one")).expect()


def test_a_patch_cannot_rename(server: Server) -> None:
    """The path says which object it is."""
    server.create_widget()

    assert 400 <= server.api.patch(server.widgets("one"), {"metadata": {"name": "two"}}).status < 500


def test_a_custom_kind_has_no_strategic_merge(server: Server) -> None:
    """The schema of a custom kind does not say how its lists merge."""
    server.create_widget()

    answer = server.api.patch(server.widgets("one"), {"spec": {"size": 2}}, "strategic-merge-patch+json")

    assert (415, "UnsupportedMediaType") == (answer.status, answer.reason)


def test_a_dry_run_of_a_patch_stores_nothing(server: Server) -> None:
    """The answer shows what would be."""
    before = server.create_widget()

    answer = server.api.patch(server.widgets("one"), {"spec": {"size": 2}}, dryRun="All")

    assert 2 == answer.expect()["spec"]["size"]
    assert before == server.api.get(server.widgets("one")).expect()
