"""kubectl reads: tables, formats, descriptions and discovery."""

import json
from typing import Any

import pytest

from .servers import Server


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_get_prints_our_columns(server: Server) -> None:
    """The headings of the definition, in capitals."""
    server.create_widget(size=3)

    said = server.kubectl("get", "widgets")

    header, row = lines(said.out)
    assert ["NAME", "SIZE", "COLOUR", "READY", "AGE"] == header
    assert ["one", "3", "green"] == row[:3]


@pytest.mark.parametrize(
    "word", ["widgets", "widget", "wg", "widgets.conformance.kelos.dev", "widgets.v1.conformance.kelos.dev"]
)
def test_a_kind_has_many_names(server: Server, word: str) -> None:
    """Plural, singular, short and with its group."""
    server.create_widget()

    assert "widget.conformance.kelos.dev/one\n" == server.kubectl("get", word, "-o", "name").out


def test_get_wide_prints_every_column(server: Server) -> None:
    """Columns of lower priority appear."""
    server.create_widget(labels={"owner": "me"})

    header, row = lines(server.kubectl("get", "wg", "-o", "wide").out)

    assert ["NAME", "SIZE", "COLOUR", "READY", "OWNER", "AGE"] == header
    assert "me" in row


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_get_prints_the_object(server: Server, form: str) -> None:
    """Without managed fields, which nobody reads; JSON is YAML."""
    import yaml

    created = server.create_widget()

    printed = yaml.safe_load(server.kubectl("get", "wg", "one", "-o", form).out)

    created["metadata"].pop("managedFields", None)
    assert created["spec"] == printed["spec"]
    assert created["metadata"]["uid"] == printed["metadata"]["uid"]
    assert "managedFields" not in printed["metadata"]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("jsonpath={.items[*].metadata.name}", "a b"),
        ("jsonpath={range .items[*]}{.metadata.name}={.spec.size};{end}", "a=1;b=2;"),
        ("jsonpath={.items[?(@.spec.size==2)].metadata.name}", "b"),
        ("go-template={{range .items}}{{.spec.colour}} {{end}}", "green blue "),
        ("custom-columns=N:.metadata.name,S:.spec.size", "N     S\na     1\nb     2\n"),
    ],
)
def test_get_prints_what_is_asked(server: Server, form: str, expected: str) -> None:
    """Scripts pick fields out."""
    server.create_widget("a", size=1)
    server.create_widget("b", size=2, colour="blue")

    assert expected == server.kubectl("get", "widgets", "-o", form).out


def test_get_sorts(server: Server) -> None:
    """By a field of the object, which the table must bring along."""
    server.create_widget("a", size=2)
    server.create_widget("b", size=1)

    rows = lines(server.kubectl("get", "wg", "--sort-by=.spec.size", "--no-headers").out)

    assert ["b", "a"] == [row[0] for row in rows]


def test_get_selects(server: Server) -> None:
    """By label, by field, and with labels as columns."""
    server.create_config_map("a", labels={"app": "x"})
    server.create_config_map("b", labels={"app": "y"})

    assert "configmap/a\n" == server.kubectl("get", "cm", "-l", "app=x", "-o", "name").out
    assert "configmap/b\n" == server.kubectl("get", "cm", "--field-selector=metadata.name=b", "-o", "name").out
    assert "x" in server.kubectl("get", "cm", "a", "-L", "app").out


def test_get_of_all_namespaces_shows_them(server: Server) -> None:
    """The namespace is the first column then."""
    server.create_widget("one")

    said = server.kubectl("get", "wg", "-A")

    assert "NAMESPACE" == lines(said.out)[0][0]
    assert [server.namespace, "one"] in [row[:2] for row in lines(said.out)]


def test_get_all_includes_our_category(server: Server) -> None:
    """`kubectl get all` shows the kinds that joined `all`."""
    server.create_widget("one")

    assert "widget.conformance.kelos.dev/one" in server.kubectl("get", "all").out


def test_nothing_is_said_as_such(server: Server) -> None:
    """An empty list is a success with a sentence."""
    said = server.kubectl("get", "widgets")

    assert (0, "", f"No resources found in {server.namespace} namespace.\n") == (said.code, said.out, said.err)


def test_a_missing_object_is_an_error(server: Server) -> None:
    """The server's words, and a code that scripts see."""
    said = server.kubectl("get", "widget", "nobody")

    assert 1 == said.code
    assert 'Error from server (NotFound): widgets.conformance.kelos.dev "nobody" not found\n' == said.err


def test_an_unknown_kind_is_an_error(server: Server) -> None:
    """Found by discovery, before anything is asked."""
    assert 'error: the server doesn\'t have a resource type "nothings"\n' == server.kubectl("get", "nothings").err


def test_describe_tells_everything(server: Server) -> None:
    """Spec, status and the events about the object."""
    created = server.create_widget(size=7)
    event = {
        "metadata": {"name": "made"},
        "involvedObject": {
            "apiVersion": created["apiVersion"],
            "kind": "Widget",
            "name": "one",
            "namespace": server.namespace,
            "uid": created["metadata"]["uid"],
        },
        "reason": "Made",
        "message": "It was made",
        "type": "Normal",
        "source": {"component": "test"},
    }
    server.api.post(server.path("v1", "events"), event).expect()

    said = server.kubectl("describe", "widget", "one")

    text = " ".join(said.out.split())
    assert 0 == said.code
    assert "Name: one" in text
    assert "Size: 7" in text
    assert "Normal Made" in text
    assert "It was made" in text


@pytest.mark.parametrize("kind", ["configmap", "secret", "job", "lease", "serviceaccount", "namespace"])
def test_describe_knows_built_in_kinds(server: Server, kind: str) -> None:
    """Each has a describer that reads several kinds at once."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.invalid/none"}]}
    bodies: dict[str, tuple[str, str, dict[str, Any]]] = {
        "configmap": ("v1", "configmaps", {"data": {"a": "b"}}),
        "secret": ("v1", "secrets", {"stringData": {"a": "b"}}),
        "job": ("batch/v1", "jobs", {"spec": {"suspend": True, "template": {"spec": pod}}}),
        "lease": ("coordination.k8s.io/v1", "leases", {"spec": {"holderIdentity": "me"}}),
        "serviceaccount": ("v1", "serviceaccounts", {}),
    }
    name = server.namespace if kind == "namespace" else "one"
    if kind in bodies:
        version, plural, body = bodies[kind]
        server.api.post(server.path(version, plural), {"metadata": {"name": "one"}, **body}).expect()

    said = server.kubectl("describe", kind, name)

    assert (0, "") == (said.code, said.err)
    assert f"Name: {name}" in " ".join(said.out.split())


def test_events_are_listed(server: Server) -> None:
    """Both ways that people use."""
    involved = {
        "kind": "Widget",
        "name": "one",
        "namespace": server.namespace,
        "apiVersion": "conformance.kelos.dev/v1",
    }
    body = {
        "metadata": {"name": "made"},
        "involvedObject": involved,
        "reason": "Made",
        "message": "It was made",
        "type": "Normal",
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    server.api.post(server.path("v1", "events"), body).expect()

    for command in (("get", "events"), ("events",), ("events", "--for=widget/one")):
        said = server.kubectl(*command)
        assert "Made" in said.out, said
        assert "widget/one" in said.out.lower(), said


def test_explain_reads_the_schema(server: Server) -> None:
    """Field names, types and what is required."""
    said = server.kubectl("explain", "widget.spec")

    assert 0 == said.code
    assert "colour" in said.out
    assert "-required-" in said.out


def test_api_resources_list_our_kinds(server: Server) -> None:
    """With short name, group, scope and kind."""
    said = server.kubectl("api-resources", "--api-group=conformance.kelos.dev", "--no-headers")

    rows = lines(said.out)
    assert ["widgets", "wg", "conformance.kelos.dev/v1", "true", "Widget"] in rows
    assert ["realms", "conformance.kelos.dev/v1", "false", "Realm"] in rows


def test_raw_requests_pass(server: Server) -> None:
    """The way to everything kubectl has no verb for."""
    server.create_widget()

    said = server.kubectl("get", "--raw", server.widgets("one"))

    assert "one" == json.loads(said.out)["metadata"]["name"]


def test_version_shows_both_sides(server: Server) -> None:
    """Client and server."""
    said = server.kubectl("version", "-o", "json")

    assert server.api.get("/version").body["gitVersion"] == json.loads(said.out)["serverVersion"]["gitVersion"]
