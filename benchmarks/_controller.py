"""The controller as a process of its own, and what the kernel says it used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """CPU since the start, memory now and at most."""

    cpu_seconds: float
    rss_kib: int
    peak_kib: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """`kelos serve controller`, running."""

    pid: int

    def used(self) -> Used:
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        return Used(
            cpu_seconds=(int(stat[11]) + int(stat[12])) / TICKS_PER_SECOND,
            rss_kib=int(status["VmRSS"].split()[0]),
            peak_kib=int(status["VmHWM"].split()[0]),
        )


@contextmanager
def running_controller(kubeconfig: Path) -> Iterator[Controller]:
    """A fresh controller, from bytecode, as an image would start it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "kelos", "--kubeconfig", str(kubeconfig), "serve", "controller"]
    child = subprocess.Popen([*command, "--log-level", "warning"], env=environment)
    try:
        yield Controller(pid=child.pid)
    finally:
        child.terminate()
        child.wait()
