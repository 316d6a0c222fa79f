"""Workspaces on a plane that runs: real git, real HTTP, real processes, with a GitHub App or on a claim."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import app_keys
from fakes.git_server import GitServer
from fakes.github_app import GitHub
from kelos.api.kinds import PVC, SECRET, TASK, WORKSPACE, Kind
from realcluster.client import Api, connect
from realcluster.waiting import wait_for

from .person import Person

NAMESPACE = "default"
BRANCH = "kelos/notes"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitServer]:
    """An enterprise GitHub with one repository, which its App may open."""
    with GitServer(tmp_path / "host", github=GitHub(app_keys.app(repositories=("shop",)))) as server:
        server.create("acme/shop")
        yield server


@pytest.fixture
def open_host(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "open") as server:
        server.create("acme/shop")
        yield server


@pytest.fixture
def api(neighbour: Person) -> Api:
    return connect(Path(neighbour.env["KUBECONFIG"]))


def apply(neighbour: Person, *manifests: dict[str, Any]) -> None:
    for manifest in manifests:
        manifest["metadata"]["namespace"] = NAMESPACE
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
    neighbour.run("apply", "-f", "-", stdin=text)


def workspace(name: str, repo: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kelos.dev/v1alpha2",
        "kind": "Workspace",
        "metadata": {"name": name},
        "spec": {"repo": repo, **spec},
    }


def run(neighbour: Person, name: str, prompt: str, workspace: str, *flags: str, code: int = 0) -> str:
    words = ("run", "--type", "demo", "--name", name, "-p", prompt, "--workspace", workspace, *flags)
    done = neighbour.run(*words, code=code)
    return done.stdout + done.stderr


def patch(api: Api, kind: Kind, name: str, **annotations: str) -> None:
    api.patch(kind.path(NAMESPACE, name), {"metadata": {"annotations": annotations}}).expect()


def test_a_long_task_of_a_github_app_pushes_with_a_token_of_its_last_hour(
    neighbour: Person, api: Api, github: GitServer
) -> None:
    """The token it started with is over before it pushes again: the mounted file has another one by then."""
    assert github.github is not None
    go_on = held_after_a_push(github)
    apply(neighbour, app_keys.app_secret(), workspace("app", github.url("acme/shop"), secretRef={"name": "app"}))
    prompt = "write a: 1\ncommit One\npush\nwrite b: 2\ncommit Two\npush"
    run(neighbour, "long", prompt, "app", "--branch", BRANCH)

    wait_for("the first push", lambda: subjects(github) == ["One"], seconds=60)
    github.github.revoke()
    spent = {"kelos.dev/token-expires-at": "2026-02-07T10:00:00Z", "kelos.dev/token-minted-at": "2026-02-07T09:00:00Z"}
    patch(api, SECRET, "long-github-token", **spent)
    patch(api, TASK, "long", look="again")
    wait_for("another token", lambda: len(github.github.minted) == 2, seconds=60)
    wait_for("it to be mounted", lambda: github.github.minted[-1].text in mounted(neighbour), seconds=60)
    go_on.touch()

    neighbour.run("logs", "long", "-f")
    status = neighbour.get("task", "long")["status"]
    assert ("Succeeded", "true") == (status["phase"], status["results"]["pushed"]), status
    assert ["Two", "One"] == subjects(github)
    assert 2 == len(github.github.minted)


def held_after_a_push(host: GitServer) -> Path:
    """What was pushed is there, and the push does not return before this file is."""
    go_on = host.root / "go-on"
    hook = host.bare("acme/shop") / "hooks/post-receive"
    hook.write_text(f"#!/bin/sh\nwhile ! test -e {go_on}; do sleep 0.05; done\n")
    hook.chmod(0o755)
    return go_on


def mounted(neighbour: Person) -> list[str]:
    """The tokens in the files of all pods, which are exchanged while we look."""
    found = []
    with suppress(OSError):
        for path in neighbour.folder.rglob("GITHUB_TOKEN"):
            with suppress(OSError):
                found.append(path.read_text().strip())
    return found


def subjects(host: GitServer) -> list[str]:
    """What the branch has beyond main, newest first."""
    from fakes.git_server import git

    words = ("for-each-ref", "--format=%(objectname)", f"refs/heads/{BRANCH}")
    tip = git(*words, cwd=host.bare("acme/shop"))
    return git("log", "--format=%s", f"main..{tip}", cwd=host.bare("acme/shop")).splitlines() if tip else []


def test_a_repository_that_the_app_has_not_is_told_by_its_name(neighbour: Person, github: GitServer) -> None:
    github.create("acme/vault")
    apply(neighbour, app_keys.app_secret("app-2"))
    apply(neighbour, workspace("vault", github.url("acme/vault"), secretRef={"name": "app-2"}))
    run(neighbour, "denied", "say hello", "vault")

    wait_for("the Task to wait", lambda: _reason(neighbour, "denied") == "TokenUnavailable", seconds=60)
    status = neighbour.get("task", "denied")["status"]
    assert "Installation 678 has no access to repository 'vault'" in status["message"]
    neighbour.run("delete", "task", "denied")


def _phase(neighbour: Person, name: str) -> str:
    return str((neighbour.get("task", name).get("status") or {}).get("phase"))


def _reason(neighbour: Person, name: str) -> str:
    return str((neighbour.get("task", name).get("status") or {}).get("reason"))


def test_no_key_and_no_token_is_said_anywhere(neighbour: Person, api: Api, github: GitServer) -> None:
    """The tasks, their pods, Jobs, events and logs."""
    assert github.github is not None
    apply(
        neighbour,
        app_keys.app_secret("app-3"),
        workspace("quiet", github.url("acme/shop"), secretRef={"name": "app-3"}),
    )
    run(neighbour, "quiet", "write a: 1\ncommit One\npush", "quiet", "--branch", "quiet", "--wait")

    kinds = ("pods", "events", "secrets")
    said = neighbour.run("logs", "quiet").stdout + json.dumps(neighbour.get("task", "quiet"))
    said += "".join(json.dumps(api.get(f"/api/v1/namespaces/{NAMESPACE}/{kind}").expect()) for kind in kinds[:2])
    said += json.dumps(api.get(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs").expect())
    words = [*(one.text for one in github.github.minted), app_keys.pem()[40:64]]
    words += [base64.b64encode(word.encode()).decode() for word in words]
    assert [] == [word for word in words if word in said]


def test_the_next_task_continues_in_a_persistent_workspace(neighbour: Person, api: Api, open_host: GitServer) -> None:
    """A commit that was not pushed is there again, what was not committed is not."""
    apply(neighbour, workspace("kept", open_host.url("acme/shop"), persistent=True))
    run(neighbour, "step-1", "write a: 1\ncommit One\nwrite junk: x", "kept", "--branch", BRANCH, "--wait")

    run(neighbour, "step-2", "write b: 2\ncommit Two\npush", "kept", "--branch", BRANCH, "--wait")

    assert ["Two", "One"] == subjects(open_host)
    claim = api.get(PVC.path(NAMESPACE, "kept")).expect()
    assert ("Bound", "Workspace") == (claim["status"]["phase"], claim["metadata"]["ownerReferences"][0]["kind"])


def test_a_persistent_workspace_serves_one_task_at_a_time(neighbour: Person, open_host: GitServer) -> None:
    apply(neighbour, workspace("one-by-one", open_host.url("acme/shop"), persistent=True))
    run(neighbour, "first", "sleep 600", "one-by-one")
    wait_for("it to run", lambda: _phase(neighbour, "first") == "Running", seconds=60)

    run(neighbour, "second", "say done", "one-by-one")

    wait_for("it to wait", lambda: _reason(neighbour, "second") == "ConcurrencyLimit", seconds=60)
    neighbour.run("cancel", "first")
    neighbour.run("logs", "second", "-f")
    assert "Succeeded" == _phase(neighbour, "second")


def test_the_claim_goes_with_its_workspace(neighbour: Person, api: Api, open_host: GitServer) -> None:
    """Nobody else would remove it."""
    apply(neighbour, workspace("brief", open_host.url("acme/shop"), persistent=True))
    run(neighbour, "only", "say done", "brief", "--wait")
    assert 200 == api.get(PVC.path(NAMESPACE, "brief")).status

    api.delete(WORKSPACE.path(NAMESPACE, "brief")).expect()

    wait_for("the claim to go", lambda: api.get(PVC.path(NAMESPACE, "brief")).status == 404, seconds=60)
