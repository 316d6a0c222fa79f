"""What is missing and then comes, what is stopped half-way, and what is there already: nothing is lost by it."""

import os
import signal
from pathlib import Path
from secrets import token_hex

import pytest

from fakes.git_server import git
from kelos.api.kinds import PVC, TASK
from kelos.api.names import ANNOTATION_CANCEL
from realcluster.waiting import wait_for

from .doors import Running, sentence_has
from .plane import NAMESPACE, Plane, submit, task_file


def run_words(name: str, *words: str, prompt: str = "say hello") -> tuple[str, ...]:
    return ("run", "--name", name, "-t", "demo", "--credential-type", "none", "-p", prompt, "--wait", *words)


def secret_later(plane: Plane) -> None:
    plane.secret("token-later", GITHUB_TOKEN=plane.locked.password)


def key_later(plane: Plane) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets/key-later"
    plane.api.patch(path, {"stringData": {"GITHUB_TOKEN": plane.locked.password}}).expect()


def dependency_later(plane: Plane) -> None:
    body = task_file("task-later")
    plane.api.request(
        "POST", TASK.path(NAMESPACE), body.encode(), headers={"Content-Type": "application/json"}
    ).expect()


LATER = {
    "workspace": (
        ("--workspace", "later"),
        ("(WorkspaceMissing)", "Workspace 'later' does not exist", "create it"),
        lambda plane: plane.workspace("later"),
    ),
    "secret": (
        ("--workspace", "needs-secret"),
        ("(SecretMissing)", "Secret 'token-later'", "does not exist", "create it"),
        secret_later,
    ),
    "key": (
        ("--workspace", "needs-key"),
        ("(SecretMissing)", "Secret 'key-later'", "no key 'GITHUB_TOKEN'", "add it"),
        key_later,
    ),
    "dependency": (
        ("--depends-on", "task-later"),
        ("(DependencyMissing)", "Waiting for Task 'task-later' to be created", "create it, or correct dependsOn"),
        dependency_later,
    ),
}


@pytest.fixture(scope="module")
def prepared(plane: Plane) -> Plane:
    vault = plane.locked.url("vault")
    plane.workspace("needs-secret", repo=vault, secretRef={"name": "token-later"})
    plane.workspace("needs-key", repo=vault, secretRef={"name": "key-later"})
    plane.secret("key-later", OTHER="x")
    return plane


@pytest.mark.parametrize("what", LATER)
def test_what_comes_later_wakes_the_task(prepared: Plane, what: str):
    """Files are often applied in the wrong order; the reason is seen meanwhile, and then it simply runs."""
    flags, words, make = LATER[what]
    name = f"waits-for-{what}"
    with Running(prepared.doors, run_words(name, *flags)) as call:
        call.until(f"task/{name} Waiting")
        status = prepared.status(name)
        make(prepared)
        code = call.end()

    assert 0 == code, call.said
    assert sentence_has(call.said, *words)
    assert "Waiting" == status["phase"]
    assert "Succeeded" == prepared.status(name)["phase"]


def test_ctrl_c_stops_watching_and_not_the_task(plane: Plane):
    """And says how to stop it; `kelos cancel` then does, with who and why in the status."""
    with Running(plane.doors, run_words("left-alone", "--workspace", "never-made")) as call:
        call.until("task/left-alone Waiting")
        call.signal(signal.SIGINT)
        code = call.end()

    assert 130 == code, call.said
    assert sentence_has(call.said, "No longer watching; task/left-alone goes on", "kelos cancel left-alone")
    task = plane.task("left-alone")
    assert ("Waiting", "WorkspaceMissing") == (task["status"]["phase"], task["status"]["reason"])
    assert ANNOTATION_CANCEL not in task["metadata"].get("annotations", {})

    assert 0 == plane.doors.cli("cancel", "left-alone", "--why", "never\x1b[31m mind").code
    status = plane.until("left-alone", phase="Failed", reason="Cancelled")
    assert sentence_has(status["message"], "Cancelled by", "mind")
    assert status["message"].isprintable()


def test_a_cancelled_agent_keeps_what_it_pushed(plane: Plane):
    """Its branch is there and told; nothing of it runs on."""
    plane.repositories.create("cancelled")
    plane.workspace("cancelled", repo=plane.repositories.url("cancelled"))
    word = f"unlikely-{token_hex(8)}"
    program = f"write A: b\ncommit Add\npush\nsay pushed\nsleep 600\nsay {word}"
    flags = ("--workspace", "cancelled", "--branch", "kept")
    with Running(plane.doors, run_words("stopped", *flags, prompt=program)) as call:
        call.until("pushed\n")
        assert 0 == plane.doors.cli("cancel", "stopped", "--why", "too slow").code
        code = call.end()

    status = plane.status("stopped")
    assert 1 == code, call.said
    assert sentence_has(call.said, "(Cancelled)", "too slow")
    head = git("rev-parse", "kept", cwd=plane.repositories.bare("cancelled"))
    assert ("kept", head) == (status["results"]["branch"], status["results"]["commit"])
    assert [] == processes_with(word)


def test_a_stopped_step_takes_its_agent_along(plane: Plane):
    """The signal of a cancelled workflow."""
    word = f"unlikely-{token_hex(8)}"
    inputs = {"name": "stopped-step", "type": "demo", "prompt": f"say begun\nsleep 600\nsay {word}"}
    with Running(plane.doors, inputs=inputs) as step:
        step.until("begun\n")
        assert processes_with(word)
        step.signal(signal.SIGINT)
        code = step.end()

    assert 130 == code, step.said
    assert ("cancelled", "cancelled") == (step.outputs["conclusion"], step.outputs["failure-reason"])
    plane.until("stopped-step", phase="Failed", reason="Cancelled")
    wait_for("the agent to be gone", lambda: not processes_with(word))


@pytest.mark.parametrize(
    ("policy", "phase", "words"), [("cancel", "Failed", "was cancelled"), ("detach", "Waiting", "goes on")]
)
def test_a_step_that_waits_too_long_says_for_what(plane: Plane, policy: str, phase: str, words: str):
    """The limit is the step's, so the Task is cancelled or left, as it was told to."""
    step = plane.doors.action(
        name=f"impatient-{policy}", type="demo", prompt="say x", workspace="never-made",
        wait_timeout="8s", on_timeout=policy,
    )  # fmt: skip

    assert (1, "timed-out", "wait-timeout") == (step.code, step.outputs["conclusion"], step.outputs["failure-reason"])
    assert sentence_has(step.outputs["message"], "`wait-timeout`", "Workspace 'never-made' does not exist", words)
    plane.until(f"impatient-{policy}", phase=phase)


def test_a_result_that_was_asked_for_and_is_missing_is_no_success(plane: Plane):
    """The next step would build on nothing."""
    step = submit(plane, "without-pr", inputs={"require_results": "branch, pr"})

    assert (1, "failure", "result-missing") == (
        step.code,
        step.outputs["conclusion"],
        step.outputs["failure-reason"],
    )
    assert sentence_has(step.outputs["message"], "'branch', 'pr'", "see its log")
    assert "Succeeded" == plane.status("without-pr")["phase"]


def test_a_name_that_is_taken_leaves_the_first_alone(plane: Plane):
    """Neither door reads the results of a Task that somebody else asked for."""
    assert 0 == plane.doors.cli(*run_words("taken")).code
    before = plane.task("taken")

    call = plane.doors.cli(*run_words("taken", prompt="say other"))
    step = plane.doors.action(name="taken", type="demo", prompt="say other")

    assert call.code in (2, 3), call.said
    assert sentence_has(call.err, "Task 'taken' already exists", "--name")
    assert (2, "invalid-input") == (step.code, step.outputs["failure-reason"])
    assert sentence_has(step.outputs["message"], "Task 'taken'", "exists already", "another `name`")
    assert before == plane.task("taken")


@pytest.mark.parametrize("words", [("get", "task"), ("logs",), ("cancel",), ("delete", "task")])
def test_a_task_that_is_not_there_is_named(plane: Plane, words: tuple[str, ...]):
    """With the namespace that was looked in."""
    call = plane.doors.cli(*words, "nobody-knows")

    assert call.code in (2, 3), call.said
    assert sentence_has(call.err, "nobody-knows", "not found")
    assert "Traceback" not in call.said


def test_a_branch_that_cannot_be_fast_forwarded_keeps_both_sides(plane: Plane):
    """In a checkout that stays, an earlier agent committed and did not push; meanwhile somebody else did."""
    bare = plane.repositories.create("shared")
    plane.workspace("shared", repo=plane.repositories.url("shared"), persistent=True)
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    plane.make(PVC, "shared", spec=claim)
    first = submit(plane, "left-unpushed", prompt="write A: b\ncommit Add", workspaceRef={"name": "shared"}, branch="b")
    work = plane.folder / "somebody"
    git("clone", "--quiet", str(bare), str(work), cwd=plane.folder)
    git("checkout", "--quiet", "-b", "b", cwd=work)
    git("commit", "--quiet", "--allow-empty", "-m", "Other work", cwd=work)
    git("push", "--quiet", "origin", "b", cwd=work)
    head = git("rev-parse", "b", cwd=bare)

    second = submit(
        plane, "cannot-go-on", prompt="write A: c\ncommit Add\npush", workspaceRef={"name": "shared"}, branch="b"
    )

    assert 0 == first.code, first.said
    assert (1, "clone-failed") == (second.code, second.outputs["failure-reason"]), second.said
    assert sentence_has(
        second.outputs["message"], "Branch 'b'", "shared.git'", "cannot be fast-forwarded", "use another branch"
    )
    assert head == git("rev-parse", "b", cwd=bare)


def processes_with(word: str) -> list[str]:
    """Command lines and environments that hold the word, as those of the agent's pod do."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if word in line and path.parent.name != str(os.getpid()):
            found.append(line)
    return found
