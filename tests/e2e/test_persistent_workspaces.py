"""A persistent Workspace on the node: its volume outlives pods, and belongs to one Task at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from realcluster.waiting import wait_for

from .installation import PREFIX, TAG, Installation
from .servers.git import GitHost, token_secret, workspace

BRANCH = "kelos/notes"


@pytest.fixture
def disk(installation: Installation, tmp_path: Path) -> Iterator[None]:
    """Storage where the cluster makes none by itself; one with a default storage class does not look at it."""
    name, path = f"disk-{token_hex(4)}", {"path": str(tmp_path / "disk"), "type": "DirectoryOrCreate"}
    spec = {
        "capacity": {"storage": "20Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": path,
        "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
        | {"namespace": installation.namespace, "name": "app"},
    }
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}
    opener = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "opener"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "opener",
                    "image": f"{PREFIX}/kelos-runner:{TAG}",
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["chmod", "0777", "/disk"],
                    "securityContext": {"runAsUser": 0},
                    "volumeMounts": [{"name": "disk", "mountPath": "/disk"}],
                }
            ],
            "volumes": [{"name": "disk", "hostPath": path}],
        },
    }
    for manifest in (volume, opener):
        installation.kubectl("create", "-f", "-", text=json.dumps(manifest))
    installation.kubectl("wait", "pod/opener", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    installation.kubectl("delete", "pod", "opener")
    yield
    installation.kubectl("delete", "persistentvolume", name, "--wait=false")


@pytest.fixture
def project(installation: Installation, git_host: GitHost, disk: None) -> Iterator[tuple[Installation, str]]:
    """A persistent Workspace `app` of a repository of its own."""
    repository = f"team/app-{token_hex(4)}"
    git_host.create(repository)
    installation.apply(token_secret(), workspace(git_host.url(repository), persistent=True))
    yield installation, repository
    installation.kubectl("delete", "tasks", "--all")  # Kubernetes keeps a claim as long as a pod of it is there
    installation.kubectl("delete", "workspace", "app")
    wait_for("the claim to go with its Workspace", lambda: not installation.list("persistentvolumeclaims"), 60)


def run(place: Installation, name: str, prompt: str, *flags: str) -> str:
    done = place.run(name, prompt, "--workspace", "app", "--branch", BRANCH, *flags)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def test_the_next_pod_finds_the_commits_of_the_one_before(project: tuple[Installation, str], git_host: GitHost) -> None:
    """Neither was pushed by the first; what it had not committed is gone."""
    place, repository = project
    run(place, "step-1", "write a: 1\ncommit One\nwrite junk: x", "--wait")
    run(place, "step-2", "write b: 2\ncommit Two\npush", "--wait")

    assert "Two\nOne" == git_host.git(repository, "log", "--format=%s", f"main..{BRANCH}")
    names = git_host.git(repository, "ls-tree", "--name-only", BRANCH).splitlines()
    assert ["README.md", "a", "b"] == names


def test_a_second_task_waits_for_the_volume(project: tuple[Installation, str]) -> None:
    place, _ = project
    run(place, "first", "sleep 5\nsay done")
    place.until("first", "Running")
    run(place, "second", "say done")

    waiting = place.until("second", "Waiting")
    first, second = place.until("first", "Succeeded"), place.until("second", "Succeeded")

    assert "Workspace 'app' is persistent and serves one Task at a time, now Task 'first'" == waiting["message"]
    assert first["attempts"][0]["completionTime"] <= second["attempts"][0]["startTime"]
