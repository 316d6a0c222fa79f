"""kubectl against `kelos up`: what the guides tell people to type."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from realcluster.waiting import wait_for

from .person import Person


@pytest.fixture
def ctl(neighbour: Person, kubectl: Path):
    """Run kubectl and return what it printed."""

    def run(*words: str, stdin: object = None) -> str:
        done = subprocess.run(
            [str(kubectl), *words],
            input=None if stdin is None else json.dumps(stdin),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=neighbour.env,
        )
        assert 0 == done.returncode, done.stderr
        return done.stdout

    return run


def task(name: str, prompt: str) -> dict[str, object]:
    spec = {"type": "demo", "prompt": prompt, "credentials": {"type": "none"}}
    return {"apiVersion": "kelos.dev/v1alpha1", "kind": "Task", "metadata": {"name": name}, "spec": spec}


def test_a_task_from_apply_to_delete(ctl, neighbour: Person) -> None:
    """Apply, wait, look, read results, events, log, delete: with kubectl alone."""
    prompt = "say hello\nusage input=7 output=1 cost=0.25"
    assert "task.kelos.dev/k created\n" == ctl("apply", "-f", "-", stdin=task("k", prompt))
    assert "condition met" in ctl("wait", "--for=jsonpath={.status.phase}=Succeeded", "task/k", "--timeout=100s")
    # Events go out after the status, and what a Task owns goes after it.
    wait_for("the last event", lambda: "TaskSucceeded" in ctl("describe", "task", "k"))
    header, row = ctl("get", "task", "k").splitlines()
    described = ctl("describe", "task", "k")

    assert ["NAME", "TYPE", "PHASE", "REASON", "AGE"] == header.split()
    assert ["k", "demo", "Succeeded"] == row.split()[:3]
    assert "0.25" == ctl("get", "task", "k", "-o", "jsonpath={.status.results.cost-usd}")
    assert "Phase:" in described
    assert "TaskCreated" in ctl("get", "events", "--field-selector=involvedObject.kind=Task,involvedObject.name=k")
    pod = ctl("get", "task", "k", "-o", "jsonpath={.status.podName}")
    assert "hello" in ctl("logs", "-f", pod)
    assert "unchanged" in ctl("apply", "-f", "-", stdin=task("k", prompt))
    assert 'task.kelos.dev "k" deleted' in ctl("delete", "task", "k", "--timeout=100s")
    wait_for("all of it to go", lambda: "" == ctl("get", "pods,jobs", "-l", "kelos.dev/task=k", "-o", "name"))


def test_a_spawner_may_go_and_leave_its_tasks(ctl) -> None:
    """What waits for a place of its own then has nobody to wait for, and what runs goes on."""
    template = {"type": "demo", "credentials": {"type": "none"}, "promptTemplate": "say hi"}
    spec = {"suspend": True, "when": {"cron": {"schedule": "0 3 * * *"}}, "taskTemplate": template}
    meta = {"apiVersion": "kelos.dev/v1alpha2", "kind": "TaskSpawner", "metadata": {"name": "nightly"}}
    ctl("apply", "-f", "-", stdin={**meta, "spec": spec})
    uid = ctl("get", "taskspawner", "nightly", "-o", "jsonpath={.metadata.uid}")
    owner = {"apiVersion": meta["apiVersion"], "kind": "TaskSpawner", "name": "nightly", "uid": uid, "controller": True}
    own = task("nightly-1", "say hi")
    own["metadata"] = {
        "name": "nightly-1",
        "labels": {"kelos.dev/taskspawner": "nightly"},
        "annotations": {"kelos.dev/admission": "required"},
        "ownerReferences": [owner],
    }
    ctl("create", "-f", "-", stdin=own)
    ctl("wait", "--for=jsonpath={.status.reason}=ConcurrencyLimit", "task/nightly-1", "--timeout=100s")

    ctl("delete", "taskspawner", "nightly", "--cascade=orphan", "--timeout=100s")

    ctl("wait", "--for=jsonpath={.status.phase}=Succeeded", "task/nightly-1", "--timeout=100s")
    assert "" == ctl("get", "task", "nightly-1", "-o", "jsonpath={.metadata.ownerReferences}")
    ctl("delete", "task", "nightly-1", "--timeout=100s")


def test_server_side_apply_and_explain(ctl) -> None:
    """What a GitOps tool does, and what a person who forgot a field does."""
    assert "serverside-applied" in ctl("apply", "--server-side", "-f", "-", stdin=task("s", "say x"))
    assert "prompt" in ctl("explain", "task.spec")
    ctl("delete", "task", "s")
