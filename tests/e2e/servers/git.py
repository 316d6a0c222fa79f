"""A git host in the cluster, which lets nobody in without its token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import app_keys
from kelos.api import names
from kelos.api.kinds import Manifest
from realcluster.namespaces import create_namespace
from realnode.fixtures import Cluster

from ..installation import Installation
from .inside import PORT, ROOT
from .pod import PACK, Server, start_server

TOKEN, OTHER_TOKEN = "tok-4711-in-cluster", "tok-of-nobody"
SECRET = "git-token"
SOURCES = ("fakes/__init__.py", "fakes/git_server.py", "fakes/github_app.py")


class GitHost:
    """Repositories and what was asked for them."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def root(self) -> str:
        return f"http://{self._server.address}"

    def url(self, repository: str) -> str:
        return f"{self.root}/{repository}.git"

    def create(self, repository: str) -> None:
        """A repository with two commits on `main`."""
        self._server.run("python3", PACK, "create", repository)

    def git(self, repository: str, *words: str) -> str:
        """What git says of the repository."""
        return self._server.run("git", "-C", f"{ROOT}/{repository}.git", *words).strip()

    def commit(self, repository: str, branch: str) -> str:
        """The branch's commit; empty when there is no such branch."""
        return self.git(repository, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def revoke(self, token: str) -> None:
        """End a token before its time."""
        self._server.run("python3", PACK, "revoke", token)

    def logins(self, repository: str) -> list[str]:
        """For every request for the repository: "none", "right" or "wrong"."""
        return [one["login"] for one in self._server.told() if one["path"].startswith(f"/{repository}.git")]


@pytest.fixture(scope="session")
def git_host(installed: None, node: Cluster, kubectl: Path) -> Iterator[GitHost]:
    """The host of the tests' Workspaces."""
    yield from _host(node, kubectl, TOKEN)


@pytest.fixture(scope="session")
def other_git_host(installed: None, node: Cluster, kubectl: Path) -> Iterator[GitHost]:
    """Somebody else's host, with a token that no Workspace has."""
    yield from _host(node, kubectl, OTHER_TOKEN)


@pytest.fixture(scope="session")
def github_host(installed: None, node: Cluster, kubectl: Path) -> Iterator[GitHost]:
    """An enterprise GitHub, whose App of `app_keys` may open `acme/shop`."""
    public = app_keys.key().public_key().public_numbers()
    for host in _host(node, kubectl, str(public.n), str(public.e), "shop", verb="github"):
        host.create("acme/shop")
        yield host


@pytest.fixture(scope="session")
def moved_git_host(other_git_host: GitHost, node: Cluster, kubectl: Path) -> Iterator[GitHost]:
    """A host that sends everybody to the other one."""
    yield from _host(node, kubectl, TOKEN, other_git_host.root)


def _host(node: Cluster, kubectl: Path, *words: str, verb: str = "git") -> Iterator[GitHost]:
    place = Installation(node, kubectl, create_namespace(node.api, "git"))
    yield GitHost(start_server(place, "git", [verb, *words], SOURCES, {80: PORT}))
    place.kubectl("delete", "namespace", place.namespace, "--wait=false")


def workspace(url: str, name: str = "app", **spec: object) -> Manifest:
    """A Workspace that uses the Secret of `token_secret`."""
    return {
        "apiVersion": "kelos.dev/v1alpha2",
        "kind": "Workspace",
        "metadata": {"name": name},
        "spec": {"repo": url, "secretRef": {"name": SECRET}, **spec},
    }


def token_secret(token: str = TOKEN) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET},
        "stringData": {names.KEY_GITHUB_TOKEN: token},
    }
