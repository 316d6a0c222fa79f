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


def test_server_side_apply_and_explain(ctl) -> None:
    """What a GitOps tool does, and what a person who forgot a field does."""
    assert "serverside-applied" in ctl("apply", "--server-side", "-f", "-", stdin=task("s", "say x"))
    assert "prompt" in ctl("explain", "task.spec")
    ctl("delete", "task", "s")
