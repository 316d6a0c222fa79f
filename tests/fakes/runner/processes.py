"""One step's process: its output, the signals by which the runner ends it, and its whole tree of children."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

STEP_SECONDS = 180.0
LOOK_SECONDS = 0.05
DRAIN_SECONDS = 10.0
ENDING = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5))
"""To the entry process only; afterwards its whole tree is killed."""


class StepProcess:
    """A process that is ended as the runner does once `is_unwanted` says so; `kill` may be called by any thread."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        self.popen = subprocess.Popen(
            argv, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.signals: list[int] = []
        self._output = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def run(self, is_unwanted: Callable[[], bool], seconds: float) -> tuple[int, str]:
        """Exit code and log; an AssertionError when the step outlasts what any of the tests needs."""
        until = time.monotonic() + seconds
        while self._runs_for(LOOK_SECONDS):
            if is_unwanted():
                self._end()
            if time.monotonic() > until:
                self.kill()
                raise AssertionError(f"The step hangs; its log: {self.log}")
        code = self.popen.wait()
        self._reader.join(DRAIN_SECONDS)
        return code, self.log

    @property
    def log(self) -> str:
        return bytes(self._output).decode(errors="replace")

    def kill(self) -> None:
        """SIGKILL to the process and everything below it, leaves first to last as they are found."""
        for pid in [self.popen.pid, *descendants(self.popen.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _end(self) -> None:
        for number, seconds in ENDING:
            self.signals.append(number)
            self.popen.send_signal(number)
            if not self._runs_for(seconds):
                return
        self.kill()

    def _runs_for(self, seconds: float) -> bool:
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def _read(self) -> None:
        assert self.popen.stdout is not None
        with self.popen.stdout:
            while block := os.read(self.popen.stdout.fileno(), 65536):
                self._output += block


def descendants(pid: int) -> list[int]:
    """All processes below that one, parents before their children."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(0), [])
        found += below
        waiting += below
    return found
