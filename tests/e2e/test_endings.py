"""Every way to end, on a real node: told alike by the Task, the command and its exit code, and nothing stays behind.

All of them run at once, and a second time with the controller killed in the middle of them.
"""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kelos.api.names import FINALIZER_OUTCOME
from realcluster.namespaces import create_namespace
from realcluster.waiting import wait_for
from realnode.fixtures import KUBECONFIG_VARIABLE, Cluster

from .endings import ENDINGS, Ending, Followed, act_all, is_gone, objects_of, start_all
from .installation import Installation

PATIENCE_SECONDS = 90.0
Run = tuple[Installation, dict[str, tuple[int, str]]]


@pytest.fixture(scope="module", params=["steady", "killed"])
def run(request: pytest.FixtureRequest, installed: None, node: Cluster, kubectl: Path) -> Iterator[Run]:
    """All endings, come to their end."""
    installation = Installation(node, kubectl, create_namespace(node.api, "e2e"))
    followed: dict[str, Followed] = {}
    try:
        followed = start_all(installation)
        if KUBECONFIG_VARIABLE not in os.environ:  # the processes of a given cluster cannot be seen
            seen = [one.name for one in ENDINGS if agents_with(mark_of(installation, one))]
            assert [one.name for one in ENDINGS if one.middle == "Running"] == seen
        if request.param == "killed":
            installation.kill_controller()
        act_all(installation)
        yield installation, {name: one.finish() for name, one in followed.items()}
    finally:
        for one in followed.values():
            one.command.kill()


@pytest.fixture(params=ENDINGS, ids=lambda ending: ending.name)
def ending(request: pytest.FixtureRequest) -> Ending:
    found = request.param
    assert isinstance(found, Ending)
    return found


def test_the_command_ends_with_the_exit_code_and_says_why(run: Run, ending: Ending) -> None:
    code, said = run[1][ending.name]

    assert ending.exit_code == code, said
    assert ending.message in said
    assert ending.reason in said


def test_the_task_says_how_it_ended(run: Run, ending: Ending) -> None:
    installation = run[0]
    if not ending.phase:
        wait_for("the Task to be gone", lambda: is_gone(installation, ending.name), PATIENCE_SECONDS)
        return
    status = installation.status(ending.name)

    assert (ending.phase, ending.reason) == (status["phase"], status.get("reason", "")), status
    assert ending.message in status.get("message", "")
    assert len(status.get("attempts", ())) == ending.attempts
    assert ending.response == b64decode(status.get("results", {}).get("response", "")).decode()


def test_nothing_runs_twice_and_nothing_stays_behind(run: Run, ending: Ending) -> None:
    """A pod that stays for its log is over, and nothing holds it; of all others not even the Job is left."""
    installation = run[0]
    pods = f"/api/v1/namespaces/{installation.namespace}/pods"
    jobs = f"/apis/batch/v1/namespaces/{installation.namespace}/jobs"

    def left() -> tuple[int, int]:
        return len(objects_of(installation, pods, ending.name)), len(objects_of(installation, jobs, ending.name))

    wait_for("what is left", lambda: left() == (ending.pods, ending.jobs), PATIENCE_SECONDS)
    for pod in objects_of(installation, pods, ending.name):
        assert FINALIZER_OUTCOME not in pod["metadata"].get("finalizers", [])
        assert pod["status"]["phase"] in ("Succeeded", "Failed")


@pytest.mark.skipif(KUBECONFIG_VARIABLE in os.environ, reason="the processes of a given cluster cannot be seen")
def test_no_agent_outlives_its_end(run: Run, ending: Ending) -> None:
    """On the node itself, where every running agent was seen in the middle of its Task."""
    mark = mark_of(run[0], ending)

    wait_for("its processes to be gone", lambda: not agents_with(mark), PATIENCE_SECONDS)


def test_a_finished_task_goes_when_its_time_is_over(installation: Installation) -> None:
    """With its Job and pod; a controller that is killed while the time runs does not forget it."""
    printed = installation.run("short-lived", "say done", "--dry-run").stdout
    task = yaml.safe_load(printed)
    task["spec"]["ttlSecondsAfterFinished"] = 10
    installation.kubectl("create", "-f", "-", text=yaml.safe_dump(task))
    installation.until("short-lived", "Succeeded")

    installation.kill_controller()

    wait_for("the Task to be gone", lambda: is_gone(installation, "short-lived"), PATIENCE_SECONDS)
    wait_for("its pod to be gone", lambda: not installation.pods(), PATIENCE_SECONDS)
    wait_for("its Job to be gone", lambda: not installation.list("jobs"), PATIENCE_SECONDS)


def test_a_prompt_of_200_kib_arrives_byte_for_byte(place: Installation, tmp_path: Path) -> None:
    """More than Linux allows in one argument, with everything that a shell or Kubernetes might touch."""
    line = "$(GITHUB_TOKEN) $$(HOME) \"quoted\" 'single' `id` \\ \\n é 語 %s {{ .Branch }} ::error:: "
    text = (line * 4000).encode()[: 200 * 1024].decode(errors="ignore").strip()
    (tmp_path / "prompt").write_text(f"# remark\n\nsay {text}\n")

    done = place.run("long", "", "--prompt-file", str(tmp_path / "prompt"), "--wait")

    assert 0 == done.returncode, done.stderr[-2000:]
    assert text in place.kelos("logs", "long").stdout


def mark_of(installation: Installation, ending: Ending) -> str:
    return f"{installation.namespace}-{ending.name}"


def agents_with(mark: str) -> list[bytes]:
    """The runners on this machine whose command line has the prompt, and in it the mark."""
    commands = (command_line(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [command for command in commands if mark.encode() in command and b"runner.pyz" in command]


def command_line(process: Path) -> bytes:
    """Empty when the process has ended meanwhile."""
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
