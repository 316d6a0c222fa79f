"""Runs workflow files with act, on this machine and with no network: what they use is replaced by local folders."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from fakes.git_server import git

CHECKOUT = Path(__file__).parents[2]
ACTION = "kelos-dev/kelos-action@v1"
SHIPPED = ("action.yml", "src", "requirements")
RUN_SECONDS = 300
RUN_IDS = count(1)
"""act itself calls every run the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What act said. It marks every line with the job, and a step's output with `| `."""

    code: int
    log: str

    def said(self) -> list[str]:
        """The lines that the workflow's own steps and the Action printed."""
        return [line.partition("]   | ")[2] for line in self.log.splitlines() if "]   | " in line]


class Act:
    """A copy of the Action as its release would be, and in its repository one workflow."""

    def __init__(self, program: Path, folder: Path, stubs: Mapping[str, Path] | None = None) -> None:
        self._program = program
        self._folder = folder
        self._stubs = dict(stubs or {})
        self._action = folder / "action"
        for name in SHIPPED:
            source, target = CHECKOUT / name, self._action / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)

    def run(
        self,
        workflow: str,
        event: str,
        *,
        inputs: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        job: str = "",
        env: Mapping[str, str] | None = None,
        cancel_when: threading.Event | None = None,
    ) -> Run:
        """Run a workflow, or one job of it, to its end; once `cancel_when` is set, as if somebody pressed Ctrl-C.

        The repository that it belongs to is the Action's own, so `uses: ./` finds it.
        """
        command = [
            str(self._program),
            event,
            "--platform=ubuntu-latest=-self-hosted",
            "--action-offline-mode",
            "--no-cache-server",
            "--container-daemon-socket=-",
            f"--env=GITHUB_RUN_ID={next(RUN_IDS)}",
            f"--secret-file={self._secrets(secrets or {})}",
            f"--local-repository={ACTION}={self._action}",
            *([f"--job={job}"] if job else []),
            *(f"--env={name}={value}" for name, value in (env or {}).items()),
            *(f"--local-repository={name}={path}" for name, path in self._stubs.items()),
            *(f"--input={name}={value}" for name, value in (inputs or {}).items()),
        ]
        process = subprocess.Popen(
            command,
            cwd=self._repository(workflow),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if cancel_when:
            threading.Thread(target=lambda: cancel_when.wait() and process.send_signal(signal.SIGINT)).start()
        try:
            log, _ = process.communicate(timeout=RUN_SECONDS)
        finally:
            process.kill()
            if cancel_when:
                cancel_when.set()
        return Run(code=process.returncode, log=log)

    def _repository(self, workflow: str) -> Path:
        folder = self._action
        place = folder / ".github" / "workflows"
        place.mkdir(parents=True, exist_ok=True)
        (place / "workflow.yaml").write_text(workflow)
        git("init", "--quiet", ".", cwd=folder)
        git("add", "--all", cwd=folder)
        git("commit", "--quiet", "--allow-empty", "--message", "A workflow", cwd=folder)
        return folder

    def _secrets(self, secrets: Mapping[str, str]) -> Path:
        """In a file: a command line is everybody's."""
        path = self._folder / "secrets"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}='{value}'\n" for name, value in secrets.items()))
        return path

    def _environment(self) -> dict[str, str]:
        home = self._folder / "home"
        home.mkdir(exist_ok=True)
        return {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8"}
