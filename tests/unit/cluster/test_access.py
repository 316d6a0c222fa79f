"""kubectl's rules for choosing a cluster, a user and a proxy."""

import base64
from typing import Any

import pytest

from kelos.cluster.access import Source, embedded, file_settings, proxy_for, select
from kelos.errors import UserError


def document(name: str = "work", **changes: Any) -> dict[str, Any]:
    return {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": f"{name}-space"}}],
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443/"}}],
        "users": [{"name": name, "user": {"token": f"{name}-token"}}],
        **changes,
    }


def source(path: str = "/home/me/config", content: dict[str, Any] | None = None) -> Source:
    return Source(path=path, folder=path.rpartition("/")[0], document=document() if content is None else content)


def test_the_current_context_names_cluster_user_and_namespace() -> None:
    """The plain case."""
    access = select([source()])

    assert ("https://work:6443", "work-space", "work-token") == (access.server, access.namespace, access.user["token"])


def test_a_context_without_a_namespace_means_default() -> None:
    """As with kubectl."""
    content = document(contexts=[{"name": "work", "context": {"cluster": "work", "user": "work"}}])

    assert "default" == select([source(content=content)]).namespace


def test_a_context_may_be_asked_for() -> None:
    """`--context` wins over the current one."""
    both = [source("/a", document("one")), source("/b", document("two"))]

    assert "https://two:6443" == select(both, "two").server


def test_the_first_file_to_name_a_thing_wins() -> None:
    """So kubectl merges, for the current context and for every entry."""
    shadow = document("work", clusters=[{"name": "work", "cluster": {"server": "https://other"}}])

    assert "https://work:6443" == select([source("/a"), source("/b", shadow)]).server


def test_entries_may_be_spread_over_files() -> None:
    """A team shares clusters in one file and people keep users in another."""
    parts = [
        source("/a", {"contexts": document()["contexts"]}),
        source("/b", {"clusters": document()["clusters"], "users": None}),
        source("/c", {"users": document()["users"], "current-context": "work"}),
    ]

    assert "work-token" == select(parts).user["token"]


def test_relative_paths_start_from_the_file_that_names_them() -> None:
    """A kubeconfig stays valid wherever the command runs."""
    content = document(
        clusters=[{"name": "work", "cluster": {"server": "https://work", "certificate-authority": "ca.crt"}}],
        users=[{"name": "work", "user": {"client-key": "/keys/k", "exec": {"command": "./login"}}}],
    )
    access = select([source("/home/me/config", content)])

    assert "/home/me/ca.crt" == access.cluster["certificate-authority"]
    assert "/keys/k" == access.user["client-key"]
    assert "/home/me/./login" == access.user["exec"]["command"]


def test_a_plugin_without_a_slash_is_found_by_path() -> None:
    """`aws` is a program of the machine, not of the folder."""
    content = document(users=[{"name": "work", "user": {"exec": {"command": "aws"}}}])

    assert "aws" == select([source(content=content)]).user["exec"]["command"]


def test_embedded_data_takes_precedence_over_a_file() -> None:
    """Then the file is not even looked for."""
    data = base64.b64encode(b"pem").decode()
    cluster = {"server": "https://w", "certificate-authority": "gone", "certificate-authority-data": data}
    access = select([source(content=document(clusters=[{"name": "work", "cluster": cluster}]))])

    assert [] == list(file_settings(access))
    assert b"pem" == embedded(access.cluster, "certificate-authority")


def test_a_context_without_a_user_is_anonymous() -> None:
    """Local planes and proxies need no credentials."""
    content = document(contexts=[{"name": "work", "context": {"cluster": "work"}}])

    assert {} == select([source(content=content)]).user


def test_credentials_are_not_in_the_representation() -> None:
    """Values end up in logs and tracebacks by their repr."""
    assert "work-token" not in repr(select([source()]))


CONTEXT = {"cluster": "work", "user": "work"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"contexts": []}, "has no contexts; check that it is the right file"),
        ({"current-context": ""}, "no current context; choose one with --context: work"),
        ({"current-context": "wrok"}, "no context 'wrok'; choose one of: work"),
        ({"contexts": "work"}, "'contexts' in kubeconfig '/home/me/config' is not a list"),
        ({"contexts": ["work"]}, "An item of 'contexts'"),
        ({"contexts": [{"context": {}}]}, "An item of 'contexts'"),
        ({"contexts": [{"name": "work"}]}, "names no cluster; add 'cluster:'"),
        ({"contexts": [{"name": "work", "context": {**CONTEXT, "cluster": "gone"}}]}, "unknown cluster 'gone'; known"),
        ({"contexts": [{"name": "work", "context": {**CONTEXT, "user": "gone"}}]}, "unknown user 'gone'; known are: w"),
        ({"clusters": [{"name": "work", "cluster": {}}]}, "Cluster 'work' in '/home/me/config' has no usable 'server'"),
        ({"clusters": [{"name": "work", "cluster": {"server": "10.0.0.1:6443"}}]}, "has no usable 'server'"),
        ({"clusters": [{"name": "work", "cluster": {"server": "https://[::1"}}]}, "has no usable 'server'"),
        (
            {"users": [{"name": "work", "user": {"client-key-data": "!"}}]},
            "'client-key-data' in context 'work' of",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_the_remedy(changes: dict[str, Any], words: str) -> None:
    """A kubeconfig is edited by hand and by many tools."""
    with pytest.raises(UserError) as caught:
        select([source(content=document(**changes))])

    assert words in str(caught.value)
    assert "/home/me/config" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "server", "proxy"),
    [
        ({}, "https://work", ""),
        ({"HTTPS_PROXY": "http://p:3128"}, "https://work", "http://p:3128"),
        ({"https_proxy": "p:3128"}, "https://work", "http://p:3128"),
        ({"HTTP_PROXY": "http://p"}, "https://work", ""),
        ({"HTTPS_PROXY": "http://p"}, "https://127.0.0.1:6443", ""),
        ({"HTTP_PROXY": "http://p"}, "http://localhost:80", ""),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "10.96.0.0/16"}, "https://10.96.0.1", ""),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "10.97.0.0/16"}, "https://10.96.0.1", "http://p"),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "a, .corp"}, "https://k8s.corp", ""),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "corp"}, "https://k8s.corp", ""),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*.corp"}, "https://k8s.corp", ""),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "corp"}, "https://notcorp", "http://p"),
        ({"HTTPS_PROXY": "http://p", "no_proxy": "work:6443"}, "https://work:6443", ""),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "work:1"}, "https://work:6443", "http://p"),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, "https://work", ""),
    ],
)
def test_proxies_are_those_that_kubectl_would_use(environ: dict[str, str], server: str, proxy: str) -> None:
    """A cluster behind a proxy, and one that must not go through it, are both common."""
    assert proxy == proxy_for(server, environ)
