"""A pod in a folder: the environment the runner gets, its two containers as processes, and what they leave."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from kelos.api import names
from kelos.api.outcome import Outcome
from kelos.outputs.document import decode_document

RUNNER = (sys.executable, "-P", "-W", "error", "-m", "kelos.runner")


@dataclass
class Ran:
    """What one container came to."""

    exit_code: int
    stdout: bytes
    stderr: str
    document: str

    @property
    def outcome(self) -> Outcome:
        found = decode_document(self.document)
        assert found is not None, f"no document; stderr: {self.stderr}"
        return found


@dataclass
class Pod:
    """Folders and variables as the Job builder would give them."""

    root: Path
    agent_type: str = "demo"
    env: dict[str, str] = field(default_factory=dict)
    runner: tuple[str, ...] = RUNNER

    def __post_init__(self) -> None:
        for name in ("workspace", "home", "inputs", "bin", "prompt", "token", "tmp"):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    @property
    def checkout(self) -> Path:
        return self.root / "workspace" / "repo"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def log(self) -> Path:
        return self.root / "termination-log"

    def give_token(self, token: str) -> None:
        (self.root / "token" / "GITHUB_TOKEN").write_text(f"{token}\n")
        self.env[names.ENV_TOKEN_FILE] = str(self.root / "token" / "GITHUB_TOKEN")

    def give_prompt(self, prompt: str | bytes) -> None:
        path = self.root / "prompt" / "prompt"
        path.write_bytes(prompt.encode() if isinstance(prompt, str) else prompt)
        self.env[names.ENV_PROMPT_FILE] = str(path)

    def give_input(self, path: str, text: str) -> None:
        target = self.root / "inputs" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def give_program(self, name: str, script: str) -> None:
        """A stand-in for an agent's CLI or for `gh`, first on PATH."""
        path = self.root / "bin" / name
        path.write_text(f"#!{sys.executable}\n{script}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "TMPDIR": str(self.root / "tmp"),
            "GIT_CONFIG_SYSTEM": "/dev/null",
            names.ENV_AGENT_TYPE: self.agent_type,
            names.ENV_WORKSPACE_DIR: str(self.checkout),
            names.ENV_INPUTS_DIR: str(self.root / "inputs"),
            names.ENV_TERMINATION_LOG: str(self.log),
            **self.env,
        }

    def prepare(self, **env: str) -> Ran:
        return self._run("prepare", env=env, cwd=self.root)

    def launch(self, *arguments: str, **env: str) -> Ran:
        return self._run("launch", *arguments, env=env, cwd=self.checkout)

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        """The agent container, not waited for."""
        return self._start("launch", *arguments, env=env, cwd=self.checkout)

    def start_preparing(self, **env: str) -> subprocess.Popen[bytes]:
        """The preparing container, not waited for."""
        return self._start("prepare", env=env, cwd=self.root)

    def finish(self, process: subprocess.Popen[bytes], seconds: float = 60) -> Ran:
        with process:
            try:
                out, err = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert b"Warning" not in err, err.decode()
        assert b"Traceback" not in err, err.decode()
        document = self.log.read_text("utf-8") if self.log.exists() else ""
        return Ran(exit_code=process.returncode, stdout=out, stderr=err.decode(errors="replace"), document=document)

    def _run(self, *arguments: str, env: dict[str, str], cwd: Path) -> Ran:
        self.log.unlink(missing_ok=True)
        return self.finish(self._start(*arguments, env=env, cwd=cwd))

    def _start(self, *arguments: str, env: dict[str, str], cwd: Path) -> subprocess.Popen[bytes]:
        cwd.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            (*self.runner, *arguments),
            cwd=cwd,
            env={**self.environment(), **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def mcp(**servers: object) -> str:
    return json.dumps({"mcpServers": servers})
