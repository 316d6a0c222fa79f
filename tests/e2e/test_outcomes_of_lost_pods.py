"""Pods that are killed, deleted, evicted or drained: the outcome is kept where there is one, else its lack is told."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from kelos.api.names import CONTAINER_AGENT
from realcluster.waiting import wait_for

from .installation import SYSTEM, Installation
from .scripted import await_let_go, await_log, ended, pods_of, run_script, termination

WAIT_FOR_GO = """
import os, time
print("UP", flush=True)
while not os.path.exists("/tmp/go"):
    time.sleep(0.1)
"""


@contextmanager
def no_controller(installation: Installation) -> Iterator[None]:
    """Nobody captures meanwhile; afterwards somebody does again."""
    _scale(installation, 0)
    try:
        selector = "app.kubernetes.io/component=controller"
        installation.kubectl("wait", "pods", "-l", selector, "--for=delete", "--timeout=60s", namespace=SYSTEM)
        yield
    finally:
        _scale(installation, 1)
        installation.kubectl("rollout", "status", "deployment/kelos-controller", "--timeout=100s", namespace=SYSTEM)


def _scale(installation: Installation, replicas: int) -> None:
    installation.kubectl("scale", "deployment/kelos-controller", f"--replicas={replicas}", namespace=SYSTEM)


def shell(installation: Installation, pod: str, command: str) -> None:
    installation.kubectl("exec", pod, "-c", CONTAINER_AGENT, "--", "/bin/sh", "-c", command)


def await_end_of_agent(installation: Installation, name: str) -> dict[str, Any]:
    return wait_for(f"the container of '{name}' to end", lambda: termination(pods_of(installation, name)[0]), 60)


@pytest.mark.parametrize("flags", [(), ("--grace-period=0", "--force")], ids=["deleted", "by force"])
def test_an_outcome_outlives_its_pod(installation: Installation, flags: tuple[str, ...]) -> None:
    """The agent ends and its pod is deleted while no controller runs: nothing is lost, nothing runs twice."""
    run_script(installation, "orphan", f"{WAIT_FOR_GO}\nend('kept ' * 3000, usage={{'inputTokens': 5}})")
    pod = await_log(installation, "orphan", "UP")

    with no_controller(installation):
        shell(installation, pod, "touch /tmp/go")
        await_end_of_agent(installation, "orphan")
        installation.kubectl("delete", "pod", pod, "--wait=false", *flags)
    status = ended(installation, "orphan")

    assert ("Succeeded", 1, 5) == (status["phase"], len(status["attempts"]), status["usage"]["inputTokens"])
    assert "kept " * 3000 == base64.b64decode(status["results"]["response"]).decode()
    wait_for("its pod to go", lambda: not pods_of(installation, "orphan"), 60)


def test_a_pod_that_is_deleted_under_its_agent_is_not_run_again(installation: Installation) -> None:
    """No controller looks on: the next one tells what happened to the one attempt, and leaves no second."""
    run_script(installation, "pushed", f"{WAIT_FOR_GO}\nend('done')")
    pod = await_log(installation, "pushed", "UP")

    with no_controller(installation):
        installation.kubectl("delete", "pod", pod, "--wait=false")
        await_end_of_agent(installation, "pushed")
    status = ended(installation, "pushed")

    assert ("Failed", "Evicted", 1) == (status["phase"], status["reason"], len(status["attempts"]))
    assert f"Pod '{pod}' was deleted while the agent ran" == status["message"]
    wait_for("its pod to go", lambda: not pods_of(installation, "pushed"), 60)


def test_a_tree_of_processes_that_is_killed_says_so(installation: Installation) -> None:
    """Everything but PID 1 gets SIGKILL: no document, no block, an honest sentence, and exit code 1 for who waits."""
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(installation.run, "killed", "say up\nsleep 600", "--wait")
        pod = await_log(installation, "killed", "up")
        with suppress(subprocess.CalledProcessError):  # the shell may go with its container before it can answer
            shell(installation, pod, "kill -9 -1")
        status = ended(installation, "killed")
        done = waiting.result()

    assert ("Failed", "AgentError", 1) == (status["phase"], status["reason"], len(status["attempts"]))
    assert "killed by signal 9 and reported no outcome" in status["message"]
    assert 1 == done.returncode
    assert status["message"] in done.stderr
    await_let_go(installation)


@pytest.mark.parametrize("retries", [0, 1])
def test_an_agent_without_memory_is_told_from_a_broken_one(installation: Installation, retries: int) -> None:
    """It would end the same way again, so it is not repeated though a broken one would be."""
    limits = {"resources": {"limits": {"memory": "96Mi"}}}
    run_script(installation, "hungry", "held = bytearray(500_000_000)", podOverrides=limits, retries=retries)

    status = ended(installation, "hungry")

    assert ("Failed", "OOMKilled", 1) == (status["phase"], status["reason"], len(status["attempts"]))
    assert "limits.memory" in status["diagnosis"]["advice"]
    await_let_go(installation)


def test_an_agent_that_fills_the_disk_is_evicted(installation: Installation) -> None:
    """The node ends it for the limit it was given; another attempt would end the same way, so there is none."""
    limits = {"resources": {"limits": {"ephemeral-storage": "20Mi"}}}
    script = "import time\nopen('/tmp/big', 'wb').write(b'x' * 60_000_000)\ntime.sleep(600)"
    run_script(installation, "filler", script, podOverrides=limits)

    status = ended(installation, "filler")

    assert ("Failed", "Evicted", 1) == (status["phase"], status["reason"], len(status["attempts"]))
    assert "ephemeral" in status["message"]
    assert "ephemeral-storage" in status["diagnosis"]["advice"]
    await_let_go(installation)


def test_a_drained_node_delays_a_task_and_no_more(installation: Installation) -> None:
    """Agent and controller go both; when there is a node again the Task goes on, in a second pod after the first."""
    run_script(installation, "drained", f"{WAIT_FOR_GO}\nend('done')")
    first = await_log(installation, "drained", "UP")
    node = pods_of(installation, "drained")[0]["spec"]["nodeName"]
    ours = "--pod-selector=app.kubernetes.io/part-of=kelos"
    flags = ["--ignore-daemonsets", "--delete-emptydir-data", "--force", ours]

    installation.kubectl("cordon", node)
    try:
        with suppress(subprocess.CalledProcessError):  # it waits in vain when the controller goes before it has let go
            installation.kubectl("drain", node, *flags, "--timeout=20s")
        left = [pod for pod in pods_of(installation, "drained") if pod["metadata"]["name"] == first]
    finally:
        installation.kubectl("uncordon", node)
    second = wait_for("the second agent", lambda: _other(installation, "drained", first), 100)
    shell(installation, await_log(installation, "drained", "UP"), "touch /tmp/go")
    status = ended(installation, "drained")

    assert all(termination(pod) for pod in left)
    assert ("Succeeded", second) == (status["phase"], status["podName"])
    lost, good = status["attempts"]
    assert ("Evicted", first) == (lost["reason"], lost["podName"])
    assert lost["completionTime"] <= good["startTime"]
    await_let_go(installation)


def _other(installation: Installation, name: str, than: str) -> str | None:
    names = [pod["metadata"]["name"] for pod in pods_of(installation, name)]
    return next((found for found in names if found != than), None)
