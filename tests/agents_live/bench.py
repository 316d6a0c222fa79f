"""One run of one CLI: a repository behind a token, a pod in a folder, the provider, and the runner in between."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from agents_live import mcp_server
from agents_live.clis import Cli
from agents_live.equipment import DOCUMENT, INSTRUCTIONS, PLUGIN, SKILL_NAME, STAMP, server
from fakes.git_server import GitServer, git
from kelos.api import names
from providers.scenario import Scenario
from providers.server import Asked, Provider
from runner_pod import Pod, Ran

KEY = "sk-kelos-live-0123456789abcdef"
TOKEN = "tok-4711-secret"
BRANCH = "kelos/notes"
REPOSITORY = "team/app"
LIMIT_SECONDS = 120
MCP_SERVER = Path(mcp_server.__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run left."""

    ran: Ran
    asked: tuple[Asked, ...]
    pushed: str
    """The commit of the branch at the remote; empty when it has no such branch."""
    head: str
    log: str
    peak_mib: float
    seconds: float

    @property
    def events(self) -> list[dict[str, object]]:
        """The lines of the CLI's stream."""
        found = []
        for line in self.log.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                found.append(event)
        return found


@dataclass
class Bench:
    """A prepared checkout. `programs` is the folder of the CLIs."""

    folder: Path
    programs: Path
    cli: Cli
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pod = Pod(self.folder / "pod", agent_type=self.cli.agent)
        self.pod.env = {
            "PATH": f"{self.pod.root / 'bin'}:{self.programs}:{os.environ['PATH']}",
            names.ENV_BRANCH: BRANCH,
            names.ENV_MODEL: self.cli.model,
            names.ENV_TIMEOUT_SECONDS: str(LIMIT_SECONDS),
            names.ENV_GRACE_SECONDS: "3",
            self.cli.credential: KEY,
        }
        self.pod.give_token(TOKEN)
        # What our images have: OpenCode would fetch it from elsewhere. Codex brings one along.
        (self.pod.root / "bin" / "rg").symlink_to(next(self.programs.parent.glob("@openai/*/vendor/*/codex-path/rg")))

    def add_argument(self, argument: str) -> None:
        """Give the CLI one more argument, as an image that wraps it would."""
        real = str(self.programs / self.cli.program)
        self.pod.give_program(
            self.cli.program, f"import os, sys\nos.execv({real!r}, [{real!r}, *sys.argv[1:], {argument!r}])\n"
        )

    def give_home_file(self, path: str, text: str) -> None:
        target = self.pod.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def equip(self, book: Path) -> None:
        """Instructions, a plugin with a skill, and a tool server whose secret is in a mounted file."""
        secret = self.folder / "mcp" / "stamp"
        secret.parent.mkdir()
        secret.write_text(STAMP)
        notes = server(str(MCP_SERVER), str(book), env={"NOTES_STAMP": {"$file": str(secret)}})
        self.pod.give_input(names.INPUT_AGENTS_MD, INSTRUCTIONS)
        self.pod.give_input(names.INPUT_MCP, json.dumps({"mcpServers": {notes.pop("name"): notes}}))
        self.pod.give_input(f"{names.INPUT_PLUGINS}/{PLUGIN}/skills/{SKILL_NAME}/SKILL.md", DOCUMENT)
        self.pod.env[names.ENV_PLUGIN_DIR] = str(self.folder / "plugin")

    def play(self, scenario: Scenario, prompt: str = "Add a notes file and push it") -> Finished:
        """Prepare, launch, and look at what is left."""
        with GitServer(self.folder / "host", password=TOKEN) as host, Provider(scenario, key=KEY) as provider:
            host.create(REPOSITORY)
            prepared = self.pod.prepare(**{names.ENV_REPO: host.url(REPOSITORY)})
            assert 0 == prepared.exit_code, prepared.stderr
            for path, text in self.cli.files(provider.url).items():
                self.give_home_file(path, text)
            began = time.monotonic()
            process = self.pod.start(prompt, **self.cli.env(provider.url), **self.env)
            peak = Peak(process.pid)
            ran = _finish(self.pod, process)
            return Finished(
                ran=ran,
                asked=provider.asked,
                pushed=git("for-each-ref", "--format=%(objectname)", f"refs/heads/{BRANCH}", cwd=host.bare(REPOSITORY)),
                head=git("rev-parse", "HEAD", cwd=self.pod.checkout),
                log=ran.stdout.decode("utf-8", "replace"),
                peak_mib=peak.mib(),
                seconds=time.monotonic() - began,
            )


class Peak:
    """The most memory that one process had, without its children. It is read until the process is gone."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._kib = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def mib(self) -> float:
        self._thread.join()
        return self._kib / 1024

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            try:
                lines = self._status.read_text().splitlines()
            except OSError:
                return
            found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
            if not found:
                return
            self._kib = max(self._kib, *found)
            pause.wait(0.05)


def _finish(pod: Pod, process: subprocess.Popen[bytes]) -> Ran:
    # Not `pod.finish`: the CLIs may warn on stderr.
    with process:
        try:
            out, err = process.communicate(timeout=LIMIT_SECONDS + 60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    document = pod.log.read_text("utf-8") if pod.log.exists() else ""
    assert KEY.encode() not in out + err + document.encode(), "the key is in the log"
    return Ran(exit_code=process.returncode, stdout=out, stderr=err.decode("utf-8", "replace"), document=document)
