"""The environment that a container's specification asks for."""

from typing import Any

import pytest

from kelos.api.kinds import Manifest
from kelos.local.jobs.pod.environment import build_environment, expand_words
from kelos.local.jobs.pod.references import Sources, decode_data, named_sources
from kelos.local.jobs.pod.states import ConfigError

POD: Manifest = {
    "metadata": {
        "name": "build-1",
        "namespace": "team",
        "uid": "u-1",
        "labels": {"app": "x"},
        "annotations": {"kelos.dev/note": "hello"},
    },
    "spec": {"nodeName": "local", "serviceAccountName": "default"},
}
SOURCES = Sources(
    namespace="team",
    secrets={"key": {"token": b"s3cret", "other": b"\xff"}},
    config_maps={"settings": {"colour": b"red", "bad=name": b"x"}},
)


def build(*env: Manifest, env_from: tuple[Manifest, ...] = ()) -> dict[str, str]:
    return build_environment({"env": list(env), "envFrom": list(env_from)}, POD, SOURCES)


def from_secret(name: str, key: str, **fields: Any) -> Manifest:
    return {"name": "X", "valueFrom": {"secretKeyRef": {"name": name, "key": key, **fields}}}


def from_map(name: str, key: str, **fields: Any) -> Manifest:
    return {"name": "X", "valueFrom": {"configMapKeyRef": {"name": name, "key": key, **fields}}}


def test_a_variable_sees_those_before_it() -> None:
    """And not those behind it."""
    found = build({"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)"}, {"name": "C", "value": "3"})

    assert {"A": "1", "B": "1$(C)", "C": "3"} == found


def test_values_from_secrets_are_not_expanded() -> None:
    """A token with a dollar is a token."""
    sources = Sources(namespace="team", secrets={"key": {"token": b"$(A)$$"}})
    container = {"env": [{"name": "A", "value": "1"}, from_secret("key", "token")]}

    assert "$(A)$$" == build_environment(container, POD, sources)["X"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "build-1"),
        ("metadata.namespace", "team"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app']", "x"),
        ("metadata.annotations['kelos.dev/note']", "hello"),
        ("metadata.annotations['missing']", ""),
        ("status.podIP", "127.0.0.1"),
        ("status.hostIP", "127.0.0.1"),
        ("spec.nodeName", "local"),
        ("spec.serviceAccountName", "default"),
    ],
)
def test_fields_of_the_pod(path: str, expected: str) -> None:
    """Those of the Kubernetes documentation."""
    assert {"X": expected} == build({"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}})


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        (from_secret("missing", "token"), 'secret "missing" not found'),
        (from_secret("key", "missing"), "couldn't find key missing in Secret team/key"),
        (from_map("missing", "x"), 'configmap "missing" not found'),
        (from_map("settings", "x"), "couldn't find key x in ConfigMap team/settings"),
    ],
)
def test_what_is_missing_is_named(variable: Manifest, sentence: str) -> None:
    """The sentences are the kubelet's: people search for them."""
    with pytest.raises(ConfigError) as caught:
        build(variable)

    assert sentence == str(caught.value)


@pytest.mark.parametrize(
    "variable", [from_secret("missing", "token", optional=True), from_map("settings", "x", optional=True)]
)
def test_what_is_optional_is_left_out(variable: Manifest) -> None:
    """Not set, rather than empty."""
    assert {} == build(variable)


def test_whole_sources_come_first_and_with_a_prefix() -> None:
    """`env` wins over `envFrom`; names that no environment can have are dropped."""
    sources = (
        {"prefix": "P_", "configMapRef": {"name": "settings"}},
        {"secretRef": {"name": "none", "optional": True}},
    )

    assert {"P_colour": "blue"} == build({"name": "P_colour", "value": "blue"}, env_from=sources)


def test_bytes_that_are_no_text_survive() -> None:
    """The process sees the Secret's own bytes."""
    assert b"\xff" == build(from_secret("key", "other"))["X"].encode("utf-8", "surrogateescape")


def test_command_words_see_all_variables() -> None:
    """After all of them are known."""
    assert ("run", "1", "$(NOPE)") == expand_words(["run", "$(A)", "$(NOPE)"], {"A": "1"})


def test_the_sources_a_pod_names() -> None:
    """Only these are read: no Secret is fetched that the pod does not mention."""
    spec: Manifest = {
        "initContainers": [{"env": [from_secret("a", "k")]}],
        "containers": [{"envFrom": [{"configMapRef": {"name": "b"}}, {"secretRef": {"name": "c"}}]}],
        "volumes": [
            {"name": "1", "secret": {"secretName": "d"}},
            {"name": "2", "projected": {"sources": [{"secret": {"name": "e"}}, {"configMap": {"name": "f"}}]}},
            {"name": "3", "emptyDir": {}},
        ],
    }

    assert (frozenset("acde"), frozenset("bf")) == named_sources(spec)


def test_data_is_decoded() -> None:
    """Secrets carry base64, ConfigMaps text and base64."""
    assert {"a": b"x"} == decode_data({"kind": "Secret", "data": {"a": "eA=="}})
    assert {"a": b"x", "b": b"y"} == decode_data({"kind": "ConfigMap", "data": {"a": "x"}, "binaryData": {"b": "eQ=="}})
