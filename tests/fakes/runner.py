"""The part of GitHub's runner that composite actions meet: steps in order, expressions, output files, cancelling.

It reads our own `action.yml`; what it does not know it refuses, so that the file cannot outgrow it unnoticed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
STEP_SECONDS = 60.0


@dataclass
class Result:
    """What a workflow sees of one use of the Action."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)


def parse_outputs(text: str) -> dict[str, str]:
    """An output file as the runner reads it: `name=value`, or `name<<delimiter` up to that line."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if heredoc >= 0 and (equals < 0 or heredoc < equals):
            name, delimiter = line[:heredoc], line[heredoc + 2 :]
            value = []
            for part in lines:
                if part == delimiter:
                    break
                value.append(part)
            else:
                raise AssertionError(f"Matching delimiter not found '{delimiter}'")
            found[name] = "\n".join(value)
        elif equals >= 0:
            found[line[:equals]] = line[equals + 1 :]
        else:
            raise AssertionError(f"Invalid format '{line}'")
    return found


def commands(log: str) -> list[str]:
    """The workflow commands that the runner would obey: `::x` at a line's start, `##[x` anywhere, fences respected."""
    obeyed, fence = [], None
    for line in log.split("\n"):
        stripped = line.lstrip()
        if fence is not None:
            if stripped.startswith(f"::{fence}::"):
                fence = None
            continue
        if match := re.match(r"::stop-commands::(\S+)$", stripped):
            fence = match[1]
        elif re.match(r"::[a-z-]+( .*?)?::", stripped) or "##[" in line:
            obeyed.append(stripped)
    return obeyed


@dataclass
class Job:
    """One job on one runner; every `use` is one step of the workflow."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    matrix: str = "null"
    check_run_id: str = "77"
    token: str = "ghs_of-this-job"
    running: subprocess.Popen[str] | None = None  # the step that runs now

    def __post_init__(self) -> None:
        for name in ("temp", "workspace"):
            (self.folder / name).mkdir(exist_ok=True)

    def use(self, *, with_: Mapping[str, str], cancel_when: threading.Event | None = None) -> Result:
        """Run the composite's steps; with `cancel_when`, cancel the running step as the runner does once it is set."""
        action = yaml.safe_load((ROOT / "action.yml").read_text())
        known = action["inputs"]
        assert not set(with_) - set(known), f"Unexpected inputs {set(with_) - set(known)}"
        result = Result(code=0, log="", outputs={}, summary="")
        inputs = {
            name: str(with_[name]) if name in with_ else self._evaluate(one.get("default", ""), {}, result)
            for name, one in known.items()
        }
        for step in action["runs"]["steps"]:
            if not self._is_due(step, inputs, result):
                continue
            code = self._step(step, inputs, result, cancel_when if step.get("id") == "run" else None)
            result.codes[step["name"]] = code
            result.code = result.code or code
        result.outputs = {name: self._evaluate(one["value"], inputs, result) for name, one in action["outputs"].items()}
        return result

    def _is_due(self, step: Mapping[str, Any], inputs: Mapping[str, str], result: Result) -> bool:
        condition = step.get("if", "success()")
        always = condition.startswith("always()")
        if result.code and not always:
            return False
        rest = re.sub(r"^(always|success)\(\)( && )?", "", condition)
        if not rest:
            return True
        match = re.fullmatch(r"(\S+) (==|!=) '([^']*)'", rest)
        assert match, f"The runner does not know the condition {condition}"
        return (self._term(match[1], inputs, result) == match[3]) == (match[2] == "==")

    def _step(
        self, step: Mapping[str, Any], inputs: Mapping[str, str], result: Result, cancel_when: threading.Event | None
    ) -> int:
        assert "${{" not in step["run"]
        assert "bash" == step["shell"]
        with tempfile.TemporaryDirectory(dir=self.folder) as private:
            paths = {name: Path(private) / name for name in ("output", "summary", "script.sh")}
            for path in paths.values():
                path.touch()
            paths["script.sh"].write_text(step["run"])
            env = {
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
                "GITHUB_OUTPUT": str(paths["output"]),
                "GITHUB_STEP_SUMMARY": str(paths["summary"]),
                **self.env,
                **{name: self._evaluate(value, inputs, result) for name, value in step.get("env", {}).items()},
            }
            code, log = self._process(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(paths["script.sh"])], env, cancel_when
            )
            result.log += log
            result.summary += paths["summary"].read_text()
            if "id" in step:
                result.steps[step["id"]] = parse_outputs(paths["output"].read_text())
        return code

    def _process(self, argv: list[str], env: dict[str, str], cancel_when: threading.Event | None) -> tuple[int, str]:
        process = subprocess.Popen(
            argv,
            env=env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.running = process
        ended = threading.Event()
        canceller = threading.Thread(target=_cancel, args=(process, cancel_when, ended)) if cancel_when else None
        if canceller:
            canceller.start()
        try:
            log, _ = process.communicate(timeout=STEP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            log, _ = process.communicate()
            raise AssertionError(f"The step hangs; its log: {log}") from None
        finally:
            ended.set()
            if canceller:
                assert cancel_when is not None
                cancel_when.set()
                canceller.join()
        return process.returncode, log

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
        known = {"toJSON(matrix)": self.matrix, "job.check_run_id": self.check_run_id, "github.token": self.token}
        assert term in known, f"The runner does not know {term}"
        return known[term]


def _cancel(process: subprocess.Popen[str], when: threading.Event, ended: threading.Event) -> None:
    """SIGINT to the entry process only; 7.5 s; SIGTERM; 2.5 s; SIGKILL."""
    when.wait(STEP_SECONDS)
    for number, patience in ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 5.0)):
        if ended.is_set():
            return
        process.send_signal(number)
        if ended.wait(patience):
            return
