"""A person at a shell: a home, a PATH, a kubeconfig, and what `kelos` answers."""

from __future__ import annotations

import json
import os
import select
import selectors
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

KELOS = (sys.executable, "-m", "kelos")
SECONDS = 120.0


class Person:
    """All that is started lives below one folder, so that leftovers can be found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        for each in (self.home, self.temporary):
            each.mkdir()
        self.env = {
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
        }

    def use(self, kubeconfig: dict[str, Any]) -> None:
        path = self.folder / "kubeconfig"
        path.write_text(json.dumps(kubeconfig))
        self.env["KUBECONFIG"] = str(path)

    def run(self, *words: str, stdin: str | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; it must have that exit code."""
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        done = subprocess.run(
            [*KELOS, *words], **given, capture_output=True, text=True, timeout=SECONDS, check=False, env=self.env
        )
        assert code == done.returncode, done.stdout + done.stderr
        return done

    def start(self, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start a command and go on; its stderr comes with its stdout."""
        how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen([*KELOS, *words], env=self.env, **{**how, **options})

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("get", kind, name, "-o", "json").stdout)
        return found

    def processes(self) -> list[str]:
        """What still runs below this person's folder, each after a moment to end."""
        return [words for pid in self._pids() if (words := self._words(pid)) and not has_ended(pid)]

    def _pids(self) -> list[int]:
        return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]

    def _words(self, pid: int) -> str:
        process = Path(f"/proc/{pid}")
        try:
            seen = (process / "environ").read_bytes() + os.fsencode(os.readlink(process / "cwd"))
            return (process / "cmdline").read_text().replace("\0", " ") if os.fsencode(self.folder) in seen else ""
        except OSError:
            return ""


def has_ended(pid: int, *, seconds: float = 30) -> bool:
    """Whether a process is gone or goes within that time."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)


def tells(process: subprocess.Popen[bytes], text: str, *, seconds: float = SECONDS) -> str:
    """What a process has said up to the line that contains `text`, or up to the end when it never does."""
    assert process.stdout is not None
    said, end = "", time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < end:
            if not selector.select(end - time.monotonic()):
                break
            line = _line(process.stdout)
            said += line
            if text in line:
                return said
            if not line:
                raise AssertionError(f"it ended without saying {text!r}:\n{said}")
    raise AssertionError(f"it did not say {text!r} within {seconds:.0f} s:\n{said}")


def _line(stream: Any) -> str:
    """One line, byte by byte: nothing may wait in a buffer where a selector does not see it."""
    line = b""
    while (byte := os.read(stream.fileno(), 1)) not in (b"", b"\n"):
        line += byte
    return (line + byte).decode(errors="replace")
