"""A GitHub App on the node: the token that the kubelet shows is the one of the moment."""

from __future__ import annotations

from base64 import b64decode

import app_keys
from kelos.api.kinds import SECRET, Manifest
from realcluster.waiting import wait_for

from .installation import Installation
from .servers.git import GitHost, workspace

BRANCH = "kelos/notes"
REPOSITORY = "acme/shop"
# The kubelet brings files of Secrets up to date with its next look at the pod, a minute or so later.
PROMPT = "write a: 1\ncommit One\npush\nsleep 150\nwrite b: 2\ncommit Two\npush"
OWN = "long-github-token"


def app_secret() -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}, "stringData": app_keys.app_data()}


def token(place: Installation) -> str:
    secret = place.cluster.api.get(SECRET.path(place.namespace, OWN)).expect()
    return b64decode(secret["data"]["GITHUB_TOKEN"]).decode()


def test_a_running_agent_pushes_with_a_token_that_came_after_it_started(
    installation: Installation, github_host: GitHost
) -> None:
    """The first one is revoked meanwhile, so nothing but the mounted file can have helped."""
    installation.apply(app_secret(), workspace(github_host.url(REPOSITORY), secretRef={"name": "app"}))
    started = installation.run("long", PROMPT, "--workspace", "app", "--branch", BRANCH)
    assert 0 == started.returncode, started.stdout + started.stderr
    wait_for("the first push", lambda: github_host.commit(REPOSITORY, BRANCH), 90)
    first = token(installation)

    github_host.revoke(first)
    spent = ["kelos.dev/token-expires-at=2026-02-07T10:00:00Z", "kelos.dev/token-minted-at=2026-02-07T09:00:00Z"]
    installation.kubectl("annotate", "secret", OWN, "--overwrite", *spent)
    installation.kubectl("annotate", "task", "long", "look=again")

    wait_for("another token", lambda: token(installation) != first, 30)
    wait_for("the end", lambda: installation.status("long").get("phase") in ("Succeeded", "Failed"), 240)
    status = installation.status("long")
    assert ("Succeeded", "true") == (status["phase"], status["results"]["pushed"]), status
    assert "Two\nOne" == github_host.git(REPOSITORY, "log", "--format=%s", f"main..{BRANCH}")
    assert {"right"} == set(github_host.logins(REPOSITORY)) - {"none"}
