"""How a Task can end, as data: what brings the end about, and what must be true of it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from kelos.api.kinds import TASK, Manifest
from realcluster.waiting import wait_for

from .installation import Installation

NOWHERE = "kelos.test/nowhere:1"  # no such host: nothing can be pulled from it


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One way to end. In its middle, the phase `middle`, the controller may be killed; then comes `act`."""

    name: str
    prompt: str = "say partial\nsleep 600"
    flags: tuple[str, ...] = ()
    middle: str = "Running"
    act: tuple[str, ...] = ()
    exit_code: int = 1
    phase: str = "Failed"  # empty: the Task is gone
    reason: str = ""
    message: str = ""
    response: str = ""
    pods: int = 0
    jobs: int = 0

    @property
    def attempts(self) -> int:
        """Every pod is one, also one that never came to run its agent; a Task that waits has none."""
        return 0 if self.middle == "Waiting" else 1


ENDINGS = (
    Ending(
        name="success",
        prompt="say partial\nsleep 12\nsay done",
        exit_code=0,
        phase="Succeeded",
        response="done",
        pods=1,
        jobs=1,
    ),
    Ending(
        name="agent-error",
        prompt="say partial\nsleep 12\nfail the tests are red",
        reason="AgentError",
        message="the tests are red",
        response="partial",
        pods=1,
        jobs=1,
    ),
    Ending(
        name="no-closing-event",
        prompt="say partial\nsleep 12\nexit 0",
        reason="AgentIncomplete",
        message="closing event",
        response="partial",
        pods=1,
        jobs=1,
    ),
    Ending(
        name="deadline",
        flags=("--timeout", "25s"),
        reason="DeadlineExceeded",
        message="limit of 25 seconds",
        response="partial",
        pods=1,
        jobs=1,
    ),
    Ending(
        name="cancelled",
        act=("cancel", "cancelled", "--why", "enough of it"),
        reason="Cancelled",
        message="enough of it",
        response="partial",
    ),
    Ending(
        name="deleted", act=("delete", "task", "deleted", "--yes"), phase="", exit_code=3, message="was deleted while"
    ),
    Ending(
        name="no-secret",
        flags=("-t", "claude-code", "--credential-type", "api-key", "--secret", "nowhere", "--start-timeout", "20s"),
        middle="Waiting",
        reason="SecretMissing",
        message="nowhere",
    ),
    Ending(
        name="no-workspace",
        flags=("--workspace", "nowhere", "--start-timeout", "20s"),
        middle="Waiting",
        reason="WorkspaceMissing",
        message="nowhere",
    ),
    Ending(
        name="no-image",
        flags=("--image", NOWHERE, "--start-timeout", "20s"),
        middle="Pending",
        reason="ImagePull",
        message=NOWHERE,
    ),
    Ending(
        name="failed-dependency",
        flags=("--depends-on", "agent-error"),
        middle="Waiting",
        reason="DependencyFailed",
        message="agent-error",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A Task and the `kelos run --wait` that follows it."""

    ending: Ending
    command: subprocess.Popen[str]

    def finish(self) -> tuple[int, str]:
        """Exit code, and all that was printed."""
        said, errors = self.command.communicate(timeout=150)
        return self.command.returncode, f"{said}\n{errors}"


def start_all(installation: Installation) -> dict[str, Followed]:
    """Every ending at once, each followed by a command of its own, and each come to its middle."""
    followed = {
        ending.name: Followed(ending=ending, command=installation.follow(ending.name, ending.prompt, *ending.flags))
        for ending in ENDINGS
    }
    for ending in ENDINGS:
        _await_middle(installation, ending)
    return followed


def act_all(installation: Installation) -> None:
    """What brings about the endings that somebody asks for."""
    for ending in ENDINGS:
        if ending.act:
            done = installation.kelos(*ending.act)
            assert 0 == done.returncode, done.stderr


def is_gone(installation: Installation, name: str) -> bool:
    return installation.cluster.api.get(TASK.path(installation.namespace, name)).status == 404


def objects_of(installation: Installation, path: str, task: str) -> list[Manifest]:
    """The objects of a list that carry the Task's label."""
    return list(installation.cluster.api.get(path, labelSelector=f"kelos.dev/task={task}").expect()["items"])


def _await_middle(installation: Installation, ending: Ending) -> None:
    def is_there() -> bool:
        answer = installation.cluster.api.get(TASK.path(installation.namespace, ending.name))
        status = answer.body.get("status") or {} if answer.status == 200 else {}
        if ending.middle != "Running":
            return status.get("phase") == ending.middle
        return "partial" in installation.kelos("logs", ending.name).stdout

    wait_for(f"Task '{ending.name}' to be {ending.middle}", is_there, 90)
