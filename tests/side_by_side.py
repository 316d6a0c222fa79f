"""Run every test: a few pytest processes side by side, since most tests wait for something. Run by `make test`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
LAST_IN_LINE = 5
"""How nice those are that look at no real clock: the processors belong to those that do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Some folders of tests, what another side has of them, and how nice they are to the others."""

    name: str
    folders: Sequence[str]
    without: Sequence[str] = ()
    niceness: int = 0


SIDES = (
    Side(name="pure", folders=("tests/unit", "tests/simulation"), niceness=LAST_IN_LINE),
    Side(name="action", folders=("tests/integration/action",)),
    Side(name="programs", folders=("tests/integration",), without=("tests/integration/action",)),
    Side(name="clusters", folders=("tests/conformance", "tests/realcluster", "tests/realnode")),
)


def run(sides: Sequence[Side]) -> int:
    """0 when every side ended well. Who interrupts this interrupts all of them, and hears of their end."""
    started: list[Running] = []

    def pass_on(number: int, _: object) -> None:
        for each in started:
            each.send(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    started += [Running(side, _start(side)) for side in sides]
    talks = threading.Lock()
    threads = [threading.Thread(target=each.relay, args=(talks,)) for each in started]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = [each.side.name for each in started if each.process.returncode != 0]
    print(f"failed: {', '.join(failed)}" if failed else "every test passed", flush=True)
    return 1 if failed else 0


@dataclass(slots=True)
class Running:
    """One pytest."""

    side: Side
    process: subprocess.Popen[str]
    report: list[str] = field(default_factory=list)

    def relay(self, talks: threading.Lock) -> None:
        """Say what it says: line by line while it runs, its report in one piece."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if self.report or (line.startswith("====") and "test session starts" not in line):
                self.report.append(line)
            else:
                with talks:
                    print(f"{self.side.name:8} | {line}", end="", flush=True)
        code = self.process.wait()
        with talks:
            print(*self.report, f"{self.side.name:8} | ended with {code}\n", sep="", end="", flush=True)

    def send(self, number: int) -> None:
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


def _start(side: Side) -> subprocess.Popen[str]:
    # Without a cache, which keeps only what the last of them knows.
    nice = ["nice", "-n", str(side.niceness)] if side.niceness else []
    command = [*nice, sys.executable, "-u", "-m", "pytest", "-p", "no:cacheprovider", *side.folders]
    command += [f"--ignore={folder}" for folder in side.without]
    process = subprocess.Popen(
        command,
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C in the terminal is for us, who pass it on once
    )
    if side.niceness:
        with suppress(OSError):  # where the kernel weighs sessions, it looks at their niceness alone
            Path(f"/proc/{process.pid}/autogroup").write_text(str(side.niceness))
    return process


if __name__ == "__main__":
    sys.exit(run(SIDES))
