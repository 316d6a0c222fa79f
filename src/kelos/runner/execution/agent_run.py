"""One run of a program: until it ends, its time is up, somebody asks us to end, or its reader sees no good end."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from kelos.agents.protocol import StreamReader
from kelos.runner.execution.capture import StderrPump, StdinFeeder, StdoutPump
from kelos.runner.execution.processes import end_everything, signal_group, start
from kelos.runner.report import note

DRAIN_SECONDS = 5.0


class Because(str, Enum):
    """What ended a run."""

    ITSELF = "itself"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    HOPELESS = "hopeless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended. `status` is negative for a signal and None when it never ended, even after SIGKILL."""

    because: Because
    status: int | None
    stderr: str = ""
    is_reader_broken: bool = False

    @property
    def exit_code(self) -> int | None:
        """As a shell tells it: a signal counts from 128."""
        return 128 - self.status if self.status is not None and self.status < 0 else self.status


class Inbox:
    """What the main thread waits for: the end of a child, a signal to us, a reader that gives up."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[Because, int]] = queue.SimpleQueue()
        self.is_cancelled = False

    def listen_to_signals(self) -> None:
        """From now on SIGTERM and SIGINT are messages. Only the main thread may do this."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def put(self, because: Because, value: int = 0) -> None:
        self._queue.put((because, value))

    def get(self, seconds: float | None) -> tuple[Because, int]:
        """The next message, or a deadline."""
        try:
            return self._queue.get(timeout=seconds)
        except queue.Empty:
            return Because.DEADLINE, 0

    def _on_signal(self, number: int, _: object) -> None:
        self.is_cancelled = True
        self.put(Because.CANCELLED, number)


class Clock:
    """The time that is left of a limit, and how long an end may take when it is over."""

    def __init__(self, limit_seconds: float | None, grace_seconds: float = 0.0) -> None:
        self.grace_seconds = grace_seconds
        self._end = None if limit_seconds is None else time.monotonic() + limit_seconds

    @property
    def left(self) -> float | None:
        return None if self._end is None else max(0.0, self._end - time.monotonic())


def run_setup(argv: tuple[str, ...], *, cwd: str, env: Mapping[str, str], inbox: Inbox, clock: Clock) -> Ended:
    """Run a program whose output is nobody's stream. Raises OSError when it cannot be started.

    What it leaves running when all went well, a database perhaps, is for the agent and ends with it.
    """
    process = start(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=None, stderr=None)
    ended = _follow(process, inbox, clock)
    if ended.because is not Because.ITSELF or ended.status != 0:
        end_everything(process)
    return ended


def run_agent(
    argv: tuple[str, ...],
    *,
    cwd: str,
    env: Mapping[str, str],
    stdin: bytes | None,
    reader: StreamReader,
    inbox: Inbox,
    clock: Clock,
) -> Ended:
    """Run the agent. Nothing of it is left when this returns. Raises OSError when it cannot be started."""
    source = subprocess.DEVNULL if stdin is None else subprocess.PIPE
    process = start(argv, cwd=cwd, env=env, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None

    def on_stop(why: str) -> None:
        note(f"ending the agent: {why}")
        inbox.put(Because.HOPELESS)

    out = StdoutPump(process.stdout, reader, on_stop)
    err = StderrPump(process.stderr)
    threads: list[threading.Thread] = [out, err]
    if process.stdin is not None and stdin is not None:
        threads.append(StdinFeeder(process.stdin, stdin))
    for thread in threads:
        thread.start()
    ended = _follow(process, inbox, clock)
    end_everything(process)
    for thread in threads:
        thread.join(DRAIN_SECONDS)
    return replace(ended, stderr=err.tail, is_reader_broken=out.is_broken)


def _follow(process: subprocess.Popen[bytes], inbox: Inbox, clock: Clock) -> Ended:
    def wait() -> None:
        inbox.put(Because.ITSELF, process.wait())

    threading.Thread(target=wait, name="wait", daemon=True).start()
    because, value = inbox.get(clock.left)
    if because is Because.ITSELF:
        return Ended(because=because, status=value)
    signal_group(process, signal.SIGTERM)
    status = _exit_status(inbox, clock.grace_seconds)
    if status is None:
        signal_group(process, signal.SIGKILL)
        status = _exit_status(inbox, DRAIN_SECONDS)
    return Ended(because=because, status=status)


def _exit_status(inbox: Inbox, seconds: float) -> int | None:
    """The program's status when it ends in time; asking us again to end does not make it shorter or longer."""
    clock = Clock(seconds)
    while True:
        because, value = inbox.get(clock.left)
        if because is Because.ITSELF:
            return value
        if because is Because.DEADLINE:
            return None
