"""Run as a program: when standard input ends, kill the listed processes and remove the folder they work in.

Control groups that carry the folder's name go too; only a real node makes some.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PATIENCE_SECONDS = 20.0


def keep(folder: str) -> None:
    """Wait for the parent's end; then leave nothing of it behind."""
    pids = [int(line) for line in sys.stdin if line.strip()]
    for pid in reversed(pids):
        if works_in(folder, pid):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_swept(folder) and time.monotonic() < deadline:
        time.sleep(0.05)  # what was killed takes a moment to let go


def is_swept(folder: str) -> bool:
    """Remove what can be removed; whether nothing is left."""
    groups = [group for group in cgroups(Path(folder).name) if not remove_cgroup(group)]
    shutil.rmtree(folder, ignore_errors=True)
    return not groups and not Path(folder).exists()


def cgroups(name: str) -> list[Path]:
    """The control groups of that name: one in a unified hierarchy, else one in each."""
    return [*CGROUPS.glob(name), *CGROUPS.glob(f"*/{name}")]


def remove_cgroup(group: Path) -> bool:
    """Remove a group and those in it, innermost first; false while processes are in one."""
    for inner in sorted(group.glob("**/"), reverse=True):
        try:
            inner.rmdir()
        except OSError:
            return False
    return True


def works_in(folder: str, pid: int) -> bool:
    """Whether the process is still the one that was listed: its number may have been given to another."""
    try:
        return folder.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


if __name__ == "__main__":
    keep(sys.argv[1])
