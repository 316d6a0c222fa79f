"""One job on one runner: the steps of our own `action.yml` in order, expressions, files, `if: always()`, cancelling.

What it does not know of `action.yml` it refuses, so that the file cannot outgrow it unnoticed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml

from .commands import Command, CommandReader, lines
from .files import parse_outputs
from .processes import STEP_SECONDS, StepProcess

ROOT = Path(__file__).parents[3]
SUMMARY_LIMIT_BYTES = 1024 * 1024
FILES = {
    "output": "GITHUB_OUTPUT",
    "env": "GITHUB_ENV",
    "state": "GITHUB_STATE",
    "path": "GITHUB_PATH",
    "summary": "GITHUB_STEP_SUMMARY",
}


@dataclass
class Result:
    """What a workflow sees of one use of the Action. `variables` are what it left for later steps of the job.

    `signals` are those that the runner sent to each step.
    """

    code: int
    log: str
    outputs: dict[str, str]
    summary: str
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    signals: dict[str, list[int]] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    masks: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The log as people see it."""
        text = self.log
        for mask in sorted(self.masks, key=len, reverse=True):
            text = text.replace(mask, "***")
        return text


@dataclass
class Job:
    """One job on one runner; every `use` is one step of the workflow."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    matrix: str = "null"
    check_run_id: str = "77"
    token: str = "ghs_of-this-job"
    step_seconds: float = STEP_SECONDS
    running: subprocess.Popen[bytes] | None = None  # the entry process of the step that runs now
    _process: StepProcess | None = None
    _is_dead: bool = False

    def __post_init__(self) -> None:
        for name in ("temp", "workspace"):
            (self.folder / name).mkdir(exist_ok=True)

    def use(
        self,
        *,
        with_: Mapping[str, str],
        cancel_when: threading.Event | None = None,
        time_up_when: threading.Event | None = None,
    ) -> Result:
        """Run the composite's steps.

        Once `cancel_when` is set, the running step is ended and only `always()` steps follow. `time_up_when` is the end
        of the step's `timeout-minutes`: the running step is ended, too, and nothing follows, for all share one token.
        """
        action = _action()
        known = action["inputs"]
        assert not set(with_) - set(known), f"Unexpected inputs {set(with_) - set(known)}"
        result = Result(code=0, log="", outputs={}, summary="")
        inputs = {
            name: str(with_[name]) if name in with_ else self._evaluate(one.get("default", ""), {}, result)
            for name, one in known.items()
        }
        for step in action["runs"]["steps"]:
            is_cancelled = _is_any_set(cancel_when)
            if self._is_dead or _is_any_set(time_up_when) or not self._is_due(step, inputs, result, is_cancelled):
                continue
            # At a cancel the condition is asked again: a step for `always()` goes on, also when it has begun before.
            cancel = None if _is_always(step) else cancel_when
            code = self._step(step, inputs, result, partial(_is_any_set, cancel, time_up_when))
            result.codes[step["name"]] = code
            result.code = result.code or code
        result.outputs = {name: self._evaluate(one["value"], inputs, result) for name, one in action["outputs"].items()}
        return result

    def begin_again(self) -> None:
        """The same job in the run's next attempt: on an emptied runner, as a check run of its own."""
        (self.folder / "temp").rename(self.folder / f"temp-of-{self.check_run_id}")
        (self.folder / "temp").mkdir()
        self.check_run_id = str(int(self.check_run_id) + 1)
        self.env["GITHUB_RUN_ATTEMPT"] = str(int(self.env.get("GITHUB_RUN_ATTEMPT", "1")) + 1)

    def die(self) -> None:
        """The machine is gone: every process of the step ends at once, and no step follows."""
        self._is_dead = True
        if self._process is not None:
            self._process.kill()

    def _is_due(self, step: Mapping[str, Any], inputs: Mapping[str, str], result: Result, is_cancelled: bool) -> bool:
        condition = step.get("if", "success()")
        if (result.code or is_cancelled) and not _is_always(step):
            return False
        rest = re.sub(r"^(always|success)\(\)( && )?", "", condition)
        if not rest:
            return True
        match = re.fullmatch(r"(\S+) (==|!=) '([^']*)'", rest)
        assert match, f"The runner does not know the condition {condition}"
        return (self._term(match[1], inputs, result) == match[3]) == (match[2] == "==")

    def _step(
        self, step: Mapping[str, Any], inputs: Mapping[str, str], result: Result, is_unwanted: Callable[[], bool]
    ) -> int:
        assert "${{" not in step["run"]
        assert "bash" == step["shell"]
        with tempfile.TemporaryDirectory(dir=self.folder) as private:
            paths = {name: Path(private) / name for name in (*FILES, "script.sh")}
            for path in paths.values():
                path.touch()
            paths["script.sh"].write_text(step["run"])
            own = {name: self._evaluate(value, inputs, result) for name, value in step.get("env", {}).items()}
            env = {**self._surroundings(), **{FILES[name]: str(paths[name]) for name in FILES}, **self.env, **own}
            argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(paths["script.sh"])]
            self._process = StepProcess(argv, env, self.folder / "workspace")
            self.running = self._process.popen
            code, log = self._process.run(is_unwanted, self.step_seconds)
            result.signals[step["name"]] = self._process.signals
            self._collect(step, result, log, {name: path.read_bytes().decode() for name, path in paths.items()})
        return code

    def _surroundings(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_WORKSPACE": str(self.folder / "workspace"),
            "GITHUB_REPOSITORY": "acme/widgets",
            "GITHUB_RUN_ID": "16",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_JOB": "fix",
            "GITHUB_ACTION": "__self",
            "GITHUB_ACTOR": "octocat",
            "GITHUB_EVENT_NAME": "push",
            "RUNNER_TEMP": str(self.folder / "temp"),
        }

    def _collect(self, step: Mapping[str, Any], result: Result, log: str, files: Mapping[str, str]) -> None:
        """What the runner takes from a step when it has ended, however it did."""
        said, reader = lines(log), CommandReader()
        result.commands += [command for command in map(reader.feed, said) if command]
        result.masks += reader.masks
        result.log += "\n".join(said)
        if len(files["summary"].encode()) <= SUMMARY_LIMIT_BYTES:
            result.summary += files["summary"]
        if "id" in step:
            result.steps[step["id"]] = parse_outputs(files["output"])
        result.variables |= parse_outputs(files["env"]) | parse_outputs(files["state"])
        assert not files["path"], "the Action changes PATH for the steps after it"

    def _evaluate(self, value: str, inputs: Mapping[str, str], result: Result) -> str:
        def answer(match: re.Match[str]) -> str:
            terms = (self._term(term.strip(), inputs, result) for term in match[1].split("||"))
            return next((term for term in terms if term), "")

        return re.sub(r"\$\{\{(.*?)\}\}", answer, str(value))

    def _term(self, term: str, inputs: Mapping[str, str], result: Result) -> str:
        if match := re.fullmatch(r"inputs\.([\w-]+)", term):
            return inputs[match[1]]
        if match := re.fullmatch(r"steps\.([\w-]+)\.outputs\.([\w-]+)", term):
            return result.steps.get(match[1], {}).get(match[2], "")
        known = {
            "toJSON(matrix)": self.matrix,
            "job.check_run_id": self.check_run_id,
            "github.action_ref": "v1",
            "github.token": self.token,
        }
        assert term in known, f"The runner does not know {term}"
        return known[term]


@cache
def _action() -> Mapping[str, Any]:
    """`action.yml`, which takes longer to read than its steps to run."""
    document: Mapping[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return document


def _is_always(step: Mapping[str, Any]) -> bool:
    return bool(step.get("if", "").startswith("always()"))


def _is_any_set(*events: threading.Event | None) -> bool:
    return any(event is not None and event.is_set() for event in events)
