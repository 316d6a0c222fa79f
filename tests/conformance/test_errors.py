"""Refusals: a Status object with a code, a reason that programs read and a sentence that people read."""

from typing import Any

import pytest

from kelos.errors import Invalid, cluster_error

from .servers import Server, causes, config_map, widget


def test_a_missing_object_is_named(server: Server) -> None:
    """The whole Status: clients show its message and decide by its reason."""
    answer = server.api.get(server.widgets("nobody"))

    assert 404 == answer.status
    assert {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'widgets.conformance.kelos.dev "nobody" not found',
        "reason": "NotFound",
        "details": {"name": "nobody", "group": "conformance.kelos.dev", "kind": "widgets"},
        "code": 404,
    } == answer.body


def test_a_missing_core_object_has_no_group(server: Server) -> None:
    """The core group is unnamed in messages as in paths."""
    answer = server.api.get(server.config_maps("nobody"))

    assert 'configmaps "nobody" not found' == answer.body["message"]
    assert {"name": "nobody", "kind": "configmaps"} == answer.body["details"]


def test_an_existing_object_is_named(server: Server) -> None:
    """AlreadyExists and Conflict share the code; the reason tells them apart."""
    server.create_config_map("one")

    answer = server.api.post(server.config_maps(), config_map("one"))

    assert (409, "AlreadyExists") == (answer.body["code"], answer.body["reason"])
    assert {"name": "one", "kind": "configmaps"} == answer.body["details"]


def test_an_invalid_object_lists_every_cause(server: Server) -> None:
    """People mend all mistakes at once: field, reason and sentence for each."""
    answer = server.api.post(server.widgets(), widget("one", size=0, colour="pink", name="UPPER"))

    assert (422, "Invalid") == (answer.body["code"], answer.body["reason"])
    expected = {
        ("spec.size", "FieldValueInvalid"),
        ("spec.colour", "FieldValueNotSupported"),
        ("spec.name", "FieldValueInvalid"),
    }
    assert expected <= causes(answer)  # one more may say that some rules were not checked because of these
    assert answer.body["message"].startswith('Widget.conformance.kelos.dev "one" is invalid: [')
    assert {"name": "one", "group": "conformance.kelos.dev", "kind": "Widget"}.items() <= answer.body["details"].items()


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"", b"{}"])
def test_a_body_that_is_no_object_is_a_bad_request(server: Server, body: bytes) -> None:
    """Nonsense is the caller's mistake, never a failure of the server."""
    answer = server.api.post(server.config_maps(), body)

    assert 400 <= answer.status < 500
    assert "Failure" == answer.body["status"]


@pytest.mark.parametrize(
    "path",
    [
        "/apis/nowhere.example/v1/things",
        "/apis/conformance.kelos.dev/v1/nothings",
        "/apis/conformance.kelos.dev/v9/widgets",
        "/api/v1/nothings",
        "/nowhere",
    ],
)
def test_an_unknown_path_is_not_found(server: Server, path: str) -> None:
    """A client that asks for a kind nobody serves gets 404, whatever it thinks of the body."""
    assert 404 == server.api.get(path).status


def test_a_verb_that_a_path_does_not_have_is_refused(server: Server) -> None:
    """Collections are not replaced."""
    answer = server.api.put(server.config_maps(), config_map())

    assert (405, "MethodNotAllowed") == (answer.status, answer.reason)


def test_an_unknown_media_type_is_refused(server: Server) -> None:
    """Neither guessed nor ignored."""
    answer = server.api.request("POST", server.config_maps(), b"a=b", headers={"Content-Type": "text/csv"})

    assert (415, "UnsupportedMediaType") == (answer.status, answer.reason)


def test_an_answer_nobody_can_give_is_not_acceptable(server: Server) -> None:
    """The client asked for a form that does not exist."""
    answer = server.api.request("GET", server.config_maps(), headers={"Accept": "text/csv"})

    assert (406, "NotAcceptable") == (answer.status, answer.reason)


def test_yaml_is_accepted_as_a_body(server: Server) -> None:
    """Manifests are sent as they are written."""
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: b}\n"

    answer = server.api.request("POST", server.config_maps(), body, headers={"Content-Type": "application/yaml"})

    assert {"a": "b"} == answer.expect(201)["data"]


def test_unknown_fields_are_refused_on_request(server: Server) -> None:
    """`fieldValidation=Strict` is what kubectl and we send: a misspelt field is not lost silently."""
    answer = server.api.post(server.widgets(), widget("one", colr="red"), fieldValidation="Strict")

    assert (400, "BadRequest") == (answer.status, answer.reason)
    assert 'strict decoding error: unknown field "spec.colr"' in answer.body["message"]


def test_unknown_fields_are_warned_about_otherwise(server: Server) -> None:
    """Without a wish the object is stored without the field, and the answer says so."""
    answer = server.api.post(server.widgets(), widget("one", colr="red"))

    assert "colr" not in answer.expect(201)["spec"]
    assert '299 - "unknown field \\"spec.colr\\""' == answer.headers["warning"]


def test_unknown_fields_of_built_in_kinds_are_refused_on_request(server: Server) -> None:
    """The same for what is not custom."""
    answer = server.api.post(server.config_maps(), {**config_map(), "dta": {}}, fieldValidation="Strict")

    assert 400 == answer.status
    assert 'unknown field "dta"' in answer.body["message"]


def test_a_wrong_type_in_a_built_in_kind_is_a_bad_request(server: Server) -> None:
    """ConfigMap data are strings; a number cannot be decoded."""
    body: dict[str, Any] = {**config_map(), "data": {"count": 1}}

    assert 400 == server.api.post(server.config_maps(), body).status


def test_without_credentials_nothing_is_told(server: Server) -> None:
    """A wrong token is 401, not an empty list."""
    answer = server.api.request("GET", server.config_maps(), headers={"Authorization": "Bearer wrong"})

    assert (401, "Unauthorized") == (answer.status, answer.reason)


def test_a_misspelt_field_is_refused_when_it_is_applied(server: Server) -> None:
    """Whatever was asked for. Kubernetes calls it a fault of its own; to us it is a call that can be mended."""
    options = {"fieldManager": "kelos-cli", "fieldValidation": "Ignore"}

    answer = server.api.patch(server.widgets("one"), widget("one", colr="red"), "apply-patch+yaml", **options)

    said = answer.body["message"]
    assert isinstance(cluster_error(answer.status, said, reason=answer.reason), Invalid)
    assert "colr" in said
