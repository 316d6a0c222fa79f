"""Process groups and what is left of them: everything the agent started ends before its outcome is told."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping

PR_SET_CHILD_SUBREAPER = 36
GONE_WITHIN_SECONDS = 5.0
LOOK_AGAIN_SECONDS = 0.02
PIPE_BYTES = 1024 * 1024  # the most that everybody may have


def adopt_orphans() -> None:
    """Become the parent of every orphan below us, so that none escapes. Without Linux this changes nothing."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (OSError, AttributeError):
        return


def start(
    argv: tuple[str, ...], *, cwd: str, env: Mapping[str, str], stdin: int, stdout: int | None, stderr: int | None
) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own, with wide pipes.

    Some programs (Gemini CLI) write without waiting, and lose what did not fit into the pipe when they end.
    """

    def popen(pipe_bytes: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            pipesize=pipe_bytes,
        )

    try:
        return popen(PIPE_BYTES)
    except PermissionError:  # all pipes of one user together have a limit, too
        return popen(-1)


def signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the program and everything in its group."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def end_everything(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the group and every other process below us."""
    signal_group(process, signal.SIGKILL)
    end_descendants(but_not=process.pid)


def end_descendants(*, but_not: int | None = None) -> None:
    """Kill every process below us; the one that is waited for elsewhere is left to its waiter."""
    deadline = time.monotonic() + GONE_WITHIN_SECONDS
    while (left := descendants(os.getpid())) and time.monotonic() < deadline:
        for pid in left:
            _kill(pid)
            if pid != but_not:
                _reap(pid)
        time.sleep(LOOK_AGAIN_SECONDS)


def descendants(ancestor: int) -> list[int]:
    """Every process below `ancestor`, and no finished one that has been waited for."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    waiting = [ancestor]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _parents() -> list[tuple[int, int]]:
    found = []
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as stream:
                    found.append((int(name), int(stream.read().rpartition(")")[2].split()[1])))
            except (OSError, ValueError, IndexError):
                continue
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
