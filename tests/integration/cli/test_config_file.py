"""The config file against a cluster: tokens become Secrets, a repository a Workspace, and nothing is overwritten."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from .person import Person

RUN = ("run", "-p", "work")


@pytest.fixture
def configured(neighbour: Person, tmp_path: Path):
    """Run a command with a config file of these contents."""

    def run(document: object, *words: str, code: int = 0):
        file = tmp_path / "config.yaml"
        file.write_text(yaml.safe_dump(document))
        return neighbour.run("--config", str(file), *words, code=code)

    return run


def secret(person: Person, kubectl: Path, name: str, namespace: str) -> dict[str, str]:
    command = [str(kubectl), "get", "secret", name, "-n", namespace, "-o", "json"]
    data = json.loads(subprocess.run(command, env=person.env, capture_output=True, check=True).stdout)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def make_namespace(person: Person, name: str) -> str:
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    person.run("apply", "-f", "-", stdin=json.dumps(manifest))
    return name


def test_a_token_becomes_a_secret_and_is_never_replaced_unasked(
    configured, neighbour: Person, kubectl: Path, tmp_path: Path
) -> None:
    """Two projects with two tokens must not silently share one."""
    namespace = make_namespace(neighbour, "tokens")
    token = tmp_path / "token"
    token.write_text("sk-first\n")
    config = {"apiKey": f"@{token}", "namespace": namespace}
    first = configured(config, *RUN, "--name", "one")
    same = configured(config, *RUN, "--name", "two")
    token.write_text("sk-second\n")
    refused = configured(config, *RUN, "--name", "three", code=2)

    assert {"ANTHROPIC_API_KEY": "sk-first"} == secret(neighbour, kubectl, "kelos-credentials", namespace)
    assert "Secret 'kelos-credentials' in namespace 'tokens' exists with other contents" in refused.stderr
    assert "--yes" in refused.stderr
    configured(config, *RUN, "--name", "four", "--yes")
    assert {"ANTHROPIC_API_KEY": "sk-second"} == secret(neighbour, kubectl, "kelos-credentials", namespace)
    names = json.loads(neighbour.run("get", "tasks", "-n", namespace, "-o", "json").stdout)["items"]
    assert ["four", "one", "two"] == [task["metadata"]["name"] for task in names]
    assert {"type": "api-key", "secretRef": {"name": "kelos-credentials"}} == names[0]["spec"]["credentials"]
    assert "sk-" not in "".join(done.stdout + done.stderr for done in (first, same, refused))


def test_a_repository_becomes_a_workspace(configured, neighbour: Person, kubectl: Path) -> None:
    """With its token in a Secret of its own."""
    namespace = make_namespace(neighbour, "repositories")
    workspace = {"repo": "https://example.com/shop.git", "ref": "main", "token": "ghp-mine"}
    config = {"workspace": workspace, "namespace": namespace, "type": "demo", "model": "small"}
    configured(config, *RUN, "--name", "one", "--model", "big")
    made = json.loads(neighbour.run("get", "ws", "kelos-workspace", "-n", namespace, "-o", "json").stdout)
    task = json.loads(neighbour.run("get", "task", "one", "-n", namespace, "-o", "json").stdout)

    expected = {"repo": workspace["repo"], "ref": "main", "secretRef": {"name": "kelos-workspace-credentials"}}
    assert expected == made["spec"]
    assert {"GITHUB_TOKEN": "ghp-mine"} == secret(neighbour, kubectl, "kelos-workspace-credentials", namespace)
    assert ("kelos-workspace", "big") == (task["spec"]["workspaceRef"]["name"], task["spec"]["model"])


def test_the_flag_wins_over_the_file_and_the_file_over_the_kubeconfig(configured, neighbour: Person) -> None:
    """For the namespace as for everything else, before the command and behind it."""
    make_namespace(neighbour, "of-the-file")
    make_namespace(neighbour, "of-the-flag")
    config = {"namespace": "of-the-file", "type": "demo"}

    assert "'of-the-file'" in configured(config, "get", "tasks").stderr
    assert "'of-the-flag'" in configured(config, "get", "tasks", "-n", "of-the-flag").stderr
    assert "'of-the-flag'" in configured(config, "-n", "of-the-flag", "get", "tasks").stderr
    assert "'default'" in configured({}, "get", "tasks").stderr


def test_a_first_file_is_written_and_kept(person: Person) -> None:
    """`kelos init`: private, usable as it is, never overwritten unasked."""
    said = person.run("init").stdout
    file = person.home / ".kelos/config.yaml"
    again = person.run("init", code=2).stderr
    file.write_text("type: demo\n")
    dry = person.run("run", "-p", "x", "--dry-run").stdout
    person.run("init", "--force")

    assert f"Wrote {file}" in said
    assert 0o600 == file.stat().st_mode & 0o777
    assert "overwrite it with --force" in again
    assert "demo" == yaml.safe_load(dry)["spec"]["type"]
    assert "oauthToken" in file.read_text()
