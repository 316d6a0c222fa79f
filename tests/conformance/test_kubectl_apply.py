"""kubectl apply, in both manners: on the client and on the server."""

import json
from typing import Any

import pytest

from .servers import Server, config_map, widget


def manifest(**spec: Any) -> dict[str, Any]:
    return widget("one", **spec)


def spec_of(server: Server) -> dict[str, Any]:
    return dict(server.api.get(server.widgets("one")).expect()["spec"])


def test_apply_creates_then_configures_then_rests(server: Server) -> None:
    """Three runs of a pipeline, told apart by a word."""
    words = [
        server.kubectl("apply", "-f", "-", stdin=body).out
        for body in (manifest(size=1), manifest(size=2), manifest(size=2))
    ]

    name = "widget.conformance.kelos.dev/one"
    assert [f"{name} created\n", f"{name} configured\n", f"{name} unchanged\n"] == words


def test_apply_removes_what_it_no_longer_says(server: Server) -> None:
    """And leaves what others set."""
    server.kubectl("apply", "-f", "-", stdin=manifest(name="x", labels={"a": "1", "b": "2"}))
    server.api.patch(server.widgets("one"), {"spec": {"code": "other"}}).expect()

    server.kubectl("apply", "-f", "-", stdin=manifest(labels={"b": "2"}))

    assert {"size": 1, "colour": "green", "code": "other", "labels": {"b": "2"}} == spec_of(server)


def test_apply_merges_built_in_lists_by_key(server: Server) -> None:
    """The three-way merge is strategic where the kind is known."""

    def deployment(**container: Any) -> dict[str, Any]:
        labels = {"app": "one"}
        containers = [{"name": "main", "image": "example.invalid/none", **container}]
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "one"},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
            },
        }

    server.kubectl("apply", "-f", "-", stdin=deployment(env=[{"name": "A", "value": "1"}]))
    server.kubectl("set", "env", "deployment/one", "B=2")
    said = server.kubectl("apply", "-f", "-", stdin=deployment(env=[{"name": "A", "value": "3"}]))

    answer = server.api.get(server.path("apps/v1", "deployments", "one")).expect()
    (container,) = answer["spec"]["template"]["spec"]["containers"]
    assert "deployment.apps/one configured\n" == said.out
    assert {"A": "3", "B": "2"} == {one["name"]: one["value"] for one in container["env"]}


def test_apply_refuses_what_the_schema_refuses(server: Server) -> None:
    """The sentence of the rule reaches the terminal."""
    said = server.kubectl("apply", "-f", "-", stdin=manifest(colour="red", size=11))

    assert 1 == said.code
    assert "red widgets are small" in said.err


def test_apply_refuses_unknown_fields(server: Server) -> None:
    """A misspelt field is not lost silently."""
    said = server.kubectl("apply", "-f", "-", stdin=manifest(colr="red"))

    assert 1 == said.code
    assert 'unknown field "spec.colr"' in said.err


def test_apply_can_be_told_to_warn_only(server: Server) -> None:
    """The warning of the server is shown."""
    said = server.kubectl("apply", "--validate=warn", "-f", "-", stdin=manifest(colr="red"))

    assert (0, 'Warning: unknown field "spec.colr"\n') == (said.code, said.err)


def test_apply_server_side_is_the_servers(server: Server) -> None:
    """No annotation, but a record of who wants what."""
    said = server.kubectl("apply", "--server-side", "-f", "-", stdin=manifest())

    metadata = server.api.get(server.widgets("one")).expect()["metadata"]
    assert "widget.conformance.kelos.dev/one serverside-applied\n" == said.out
    assert ["kubectl"] == [entry["manager"] for entry in metadata["managedFields"]]
    assert "annotations" not in metadata


def test_apply_server_side_tells_conflicts(server: Server) -> None:
    """And can be forced."""
    server.api.apply(server.widgets("one"), manifest(size=1), "other").expect()

    refused = server.kubectl("apply", "--server-side", "-f", "-", stdin=manifest(size=2))
    forced = server.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifest(size=2))

    assert (1, 0) == (refused.code, forced.code)
    assert 'Apply failed with 1 conflict: conflict with "other": .spec.size' in refused.err
    assert 2 == spec_of(server)["size"]


def test_apply_takes_several_documents(server: Server) -> None:
    """One file, several kinds."""
    documents = f"{json.dumps(manifest())}\n---\n{json.dumps(config_map('two'))}\n"

    said = server.kubectl("apply", "-f", "-", stdin=documents)

    assert "widget.conformance.kelos.dev/one created\nconfigmap/two created\n" == said.out


@pytest.mark.parametrize("manner", ["client", "server"])
def test_a_dry_run_stores_nothing(server: Server, manner: str) -> None:
    """Both manners say what they would do."""
    said = server.kubectl("apply", f"--dry-run={manner}", "-f", "-", stdin=manifest())

    word = "dry run" if manner == "client" else "server dry run"
    assert f"widget.conformance.kelos.dev/one created ({word})\n" == said.out
    assert 404 == server.api.get(server.widgets("one")).status


def test_diff_shows_what_would_change(server: Server) -> None:
    """Code 1 means a difference, 0 none."""
    server.kubectl("apply", "-f", "-", stdin=manifest(size=1))

    same = server.kubectl("diff", "-f", "-", stdin=manifest(size=1))
    other = server.kubectl("diff", "-f", "-", stdin=manifest(size=2))

    assert (0, 1) == (same.code, other.code), same
    assert "+  size: 2" in other.out
