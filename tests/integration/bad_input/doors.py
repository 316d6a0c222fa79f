"""The two doors people come in by, as processes: the command line, and the Action's entry point."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from fakes.runner import ROOT, parse_outputs
from realcluster.waiting import wait_for

ACTION = [sys.executable, "-I", str(ROOT / "src/kelos/action/__main__.py")]
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a person or a workflow sees of one call."""

    code: int
    out: str
    err: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""

    @property
    def said(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"

    @property
    def everything(self) -> str:
        """All text that left the process."""
        return "\n".join((self.said, json.dumps(dict(self.outputs)), self.summary))


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Calls with a home folder of their own and nothing of ours in the environment."""

    folder: Path
    kubeconfig: Path | None

    def cli(self, *words: str, stdin: str = "", kubeconfig: Path | None = None) -> Done:
        """`kelos <words>`, to its end."""
        process = subprocess.run(
            self.cli_command(*words, kubeconfig=kubeconfig),
            env=self.environment(),
            input=stdin.encode(errors="surrogateescape"),
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
        return Done(code=process.returncode, out=_text(process.stdout), err=_text(process.stderr))

    def cli_command(self, *words: str, kubeconfig: Path | None = None) -> list[str]:
        found = kubeconfig or self.kubeconfig
        return [sys.executable, "-m", "kelos", *(("--kubeconfig", str(found)) if found else ()), *words]

    def action(self, **inputs: str) -> Done:
        """The step's command with these inputs, to its end; `prompt_file` is the input `prompt-file`."""
        with tempfile.TemporaryDirectory(dir=self.folder) as private:
            output, summary = Path(private, "output"), Path(private, "summary")
            process = subprocess.run(
                ACTION,
                env=self.step_environment(Path(private), inputs),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE_SECONDS,
            )
            return Done(
                code=process.returncode,
                out=_text(process.stdout),
                outputs=parse_outputs(output.read_text()),
                summary=summary.read_text(),
            )

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder)}

    def file(self, name: str, content: str | bytes) -> Path:
        """A file in the folder that the Action takes for the checkout."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def step_environment(self, private: Path, inputs: Mapping[str, str]) -> dict[str, str]:
        """What a runner gives a step; the files that it writes to lie in `private`."""
        for name in ("output", "summary"):
            (private / name).touch()
        given = {"kubeconfig": str(self.kubeconfig or ""), **inputs}
        return {
            **self.environment(),
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_RUN_ID": "7",
            "GITHUB_WORKSPACE": str(self.folder),
            "GITHUB_OUTPUT": str(private / "output"),
            "GITHUB_STEP_SUMMARY": str(private / "summary"),
            "RUNNER_TEMP": str(private),
            "KELOS_STATE": str(private / "state"),
            **{f"KELOS_INPUT_{name.upper()}": value for name, value in given.items()},
        }


class Running:
    """A call that goes on while the test does something else; its words are read as they come."""

    def __init__(self, doors: Doors, words: Sequence[str] = (), *, inputs: Mapping[str, str] | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(dir=doors.folder))
        self._command = ACTION if inputs is not None else doors.cli_command(*words)
        self._env = doors.step_environment(self._folder, inputs) if inputs is not None else doors.environment()
        self._words = self._folder / "words"

    def __enter__(self) -> Self:
        with self._words.open("wb") as words:
            self._process = subprocess.Popen(
                self._command, env=self._env, stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    @property
    def said(self) -> str:
        return _text(self._words.read_bytes())

    @property
    def outputs(self) -> dict[str, str]:
        return parse_outputs((self._folder / "output").read_text())

    def until(self, words: str) -> None:
        """Wait until it has said this."""
        try:
            wait_for(words, lambda: words in self.said or self._process.poll() is not None, seconds=PATIENCE_SECONDS)
        finally:
            assert words in self.said, f"not said: {words!r}, in:\n{self.said}"

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> int:
        """Its exit code."""
        return self._process.wait(PATIENCE_SECONDS)


def sentence_has(text: str, *words: str) -> bool:
    """Whether each of the words is there; said so that a failing assert shows what is missing."""
    missing = [word for word in words if word not in text]
    assert [] == missing, f"not said: {missing}, in:\n{text}"
    return True


def all_at_once(calls: Mapping[str, Callable[[], Done]], together: int = 6) -> dict[str, Done]:
    """Every call's result; they run beside each other, because most of each is waiting."""
    with ThreadPoolExecutor(max_workers=together) as pool:
        running = {name: pool.submit(call) for name, call in calls.items()}
        return {name: future.result() for name, future in running.items()}


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
