"""Custom kinds: validated, pruned and defaulted by the schema of their definition."""

from typing import Any

import pytest

from .kinds import GROUP
from .servers import Server, causes, stored, widget


def spec_of(server: Server, **spec: Any) -> dict[str, Any]:
    return dict(server.create_widget("one", **spec)["spec"])


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ({"size": "1"}, "spec.size", "FieldValueTypeInvalid"),
        ({"size": 1.5}, "spec.size", "FieldValueTypeInvalid"),
        ({"size": 0}, "spec.size", "FieldValueInvalid"),
        ({"size": 101}, "spec.size", "FieldValueInvalid"),
        ({"size": None}, "spec.size", "FieldValueRequired"),
        ({"colour": "pink"}, "spec.colour", "FieldValueNotSupported"),
        ({"name": "No"}, "spec.name", "FieldValueInvalid"),
        ({"name": "x" * 21}, "spec.name", "FieldValueTooLong"),
        ({"labels": {"a": 1}}, "spec.labels.a", "FieldValueTypeInvalid"),
        ({"labels": []}, "spec.labels", "FieldValueTypeInvalid"),
        ({"tags": ["a", "a"]}, "spec.tags[1]", "FieldValueDuplicate"),
        ({"tags": ["a", "b", "c", "d", "e", "f"]}, "spec.tags", "FieldValueTooMany"),
        ({"tags": [1]}, "spec.tags[0]", "FieldValueTypeInvalid"),
        ({"limit": True}, "spec.limit", "FieldValueTypeInvalid"),
        ({"ports": [{"name": "a"}, {"name": "a"}]}, "spec.ports[1]", "FieldValueDuplicate"),
        ({"ports": [{"number": 1}]}, "spec.ports[0].name", "FieldValueRequired"),
        ({"colour": "red", "size": 11}, "spec.size", "FieldValueInvalid"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(server: Server, spec: dict[str, Any], field: str, reason: str) -> None:
    """Mistakes are found when the manifest is applied, not when the controller trips over it."""
    answer = server.api.post(server.widgets(), widget("one", **spec))

    assert (422, "Invalid") == (answer.status, answer.reason)
    assert (field, reason) in causes(answer)


@pytest.mark.parametrize("body", [{}, {"spec": {}}, {"spec": None}, {"spec": []}])
def test_a_missing_value_is_refused(server: Server, body: dict[str, Any]) -> None:
    """Required means present."""
    bare = {key: value for key, value in widget("one").items() if key != "spec"}

    assert 422 == server.api.post(server.widgets(), bare | body).status


def test_a_rule_speaks_in_its_own_words(server: Server) -> None:
    """The sentence of a CEL rule is what people read."""
    answer = server.api.post(server.widgets(), widget("one", colour="red", size=11))

    (cause,) = answer.body["details"]["causes"]
    assert cause["message"].endswith("red widgets are small")
    assert "red widgets are small" in answer.body["message"]


def test_a_rule_may_look_back(server: Server) -> None:
    """Immutable fields: set once, also later, then fixed."""
    server.create_widget()

    server.api.patch(server.widgets("one"), {"spec": {"code": "a"}}).expect()
    answer = server.api.patch(server.widgets("one"), {"spec": {"code": "b"}})

    assert (422, {("spec.code", "FieldValueInvalid")}) == (answer.status, causes(answer))
    assert "code is immutable" in answer.body["message"]


def test_defaults_are_stored(server: Server) -> None:
    """Also in the items of lists."""
    spec = spec_of(server, ports=[{"name": "http"}, {"name": "dns", "protocol": "UDP"}])

    assert "green" == spec["colour"]
    assert [{"name": "http", "protocol": "TCP"}, {"name": "dns", "protocol": "UDP"}] == spec["ports"]


def test_null_asks_for_the_default(server: Server) -> None:
    """A field that may not be null and has a default gets it."""
    assert "green" == spec_of(server, colour=None)["colour"]


def test_null_stays_where_it_is_allowed(server: Server) -> None:
    """Nullable means that null is a value."""
    assert {"note": None}.items() <= spec_of(server, note=None).items()


def test_unknown_fields_are_dropped(server: Server) -> None:
    """At every depth, silently for a client that asked for nothing else."""
    body = widget("one", extra=1, ports=[{"name": "a", "extra": 2}])

    spec = stored(server.api.post(server.widgets(), {**body, "extra": 3}))["spec"]

    assert {"size": 1, "colour": "green", "ports": [{"name": "a", "protocol": "TCP"}]} == spec


def test_open_fields_keep_everything(server: Server) -> None:
    """What the definition leaves open comes back as it went in, types and all."""
    content = {"a": [1, 2.5, "x", None, {"deep": True}], "empty": {}, "big": 9007199254740993}

    assert content == spec_of(server, open=content)["open"]


@pytest.mark.parametrize("value", [80, "80%"])
def test_a_value_may_be_a_number_or_a_text(server: Server, value: int | str) -> None:
    """And keeps its type."""
    assert value == spec_of(server, limit=value)["limit"]


def test_unicode_survives(server: Server) -> None:
    """Prompts are written in every language."""
    text = 'grüße 你好 🚀 \u2028 "quotes" \\ \t'

    assert text == spec_of(server, labels={"a": text})["labels"]["a"]


def test_both_versions_show_one_object(server: Server) -> None:
    """Created in one version, read in the other: same uid, same content, no conversion."""
    created = server.create_widget(size=5)

    other = server.api.get(server.path(f"{GROUP}/v1beta1", "widgets", "one")).expect()

    assert f"{GROUP}/v1beta1" == other["apiVersion"]
    assert (created["spec"], created["metadata"]["uid"]) == (other["spec"], other["metadata"]["uid"])


def test_a_watch_speaks_the_version_that_was_asked(server: Server) -> None:
    """Whatever version wrote."""
    version = server.api.get(server.widgets()).expect()["metadata"]["resourceVersion"]
    server.create_widget()

    with server.api.watch(server.path(f"{GROUP}/v1beta1", "widgets"), resourceVersion=version) as watch:
        assert f"{GROUP}/v1beta1" == watch.next()["object"]["apiVersion"]


def test_a_kind_without_a_namespace_lives_outside(server: Server) -> None:
    """It has no namespace in its path or its metadata."""
    name = f"realm-{server.namespace}"
    body = {"apiVersion": f"{GROUP}/v1", "kind": "Realm", "metadata": {"name": name}, "anything": {"goes": 1}}

    created = stored(server.api.post(f"/apis/{GROUP}/v1/realms", body))

    assert "namespace" not in created["metadata"]
    assert {"goes": 1} == created["anything"]
    assert 404 == server.api.get(server.path(f"{GROUP}/v1", "realms", name)).status
