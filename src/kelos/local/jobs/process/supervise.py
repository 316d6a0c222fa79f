"""A small program between the node and one container: it starts the process, writes its log and outlives its tree.

Standard library only, run by path, so that it starts in milliseconds. It speaks lines:

    in    one line of JSON: {"argv","env","cwd","log"}; then "T" = SIGTERM to the process, "K" or the end = kill all
    out   {"started": seconds} or {"refused": sentence}; at the end {"code": …, "finished": seconds}

All descendants stay below this process, however often they fork and whatever group they join, because it is a
subreaper: when it has no children left, the tree is gone. The node's end closes the input, which kills the tree.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time

LINE_LIMIT_BYTES = 16 * 1024
BLOCK_BYTES = 64 * 1024
KILL_PAUSE_MILLISECONDS = 5
CANNOT_START = 128
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class LineWriter:
    """Bytes of one stream to lines of the log: `<time> <stream> <F|P> <content>`; P marks a line that goes on."""

    def __init__(self, log: int, stream: bytes) -> None:
        self._log = log
        self._stream = stream
        self._rest = b""

    def feed(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        head = log_time(time.time_ns()) + b" " + self._stream
        out = []
        for line in lines:
            while len(line) > LINE_LIMIT_BYTES:
                out.append(head + b" P " + line[:LINE_LIMIT_BYTES])
                line = line[LINE_LIMIT_BYTES:]
            out.append(head + b" F " + line)
        while len(self._rest) >= LINE_LIMIT_BYTES:
            out.append(head + b" P " + self._rest[:LINE_LIMIT_BYTES])
            self._rest = self._rest[LINE_LIMIT_BYTES:]
        self._write(out)

    def close(self) -> None:
        """Write the last line that no newline ended."""
        if self._rest:
            self._write([log_time(time.time_ns()) + b" " + self._stream + b" P " + self._rest])
        self._rest = b""

    def _write(self, lines: list[bytes]) -> None:
        data = memoryview(b"".join(line + b"\n" for line in lines))
        try:
            while data:
                data = data[os.write(self._log, data) :]
        except OSError:
            return  # a full disk must not stop the container


def log_time(nanoseconds: int) -> bytes:
    """RFC 3339 with all nine digits: every time is equally long and sorts as text."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode() + b".%09dZ" % rest


class Supervisor:
    """One container process and everything it starts."""

    def __init__(self, spec: dict[str, object], commands: bytes) -> None:
        self._argv: list[str] = spec["argv"]  # type: ignore[assignment]
        self._env: dict[str, str] = spec["env"]  # type: ignore[assignment]
        self._cwd = str(spec["cwd"])
        self._commands = commands
        self._pid = 0
        self._code: int | None = None
        self._finished = 0.0
        self._must_die = False
        log = os.open(str(spec["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._writers: dict[int, LineWriter] = {}
        self._log = log
        self._poll = select.poll()
        self._wake, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)

    def run(self) -> None:
        refused = self._start()
        if refused:
            report({"refused": refused})
            return
        report({"started": time.time()})
        for fd in (0, self._wake):
            self._poll.register(fd, select.POLLIN)
        self._obey(b"")
        while self._code is None and not self._must_die:
            self._step(None)
        while not self._reap():
            for pid in descendants(os.getpid(), self._pid):
                kill(pid)
            self._step(KILL_PAUSE_MILLISECONDS)
        for fd in list(self._writers):
            self._drain(fd)
        report({"code": self._code if self._code is not None else 137, "finished": self._finished or time.time()})

    def _start(self) -> str:
        """Fork and exec; a sentence when that failed."""
        out, out_write = os.pipe()
        err, err_write = os.pipe()
        refusal, refusal_write = os.pipe()
        me = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            self._become(out_write, err_write, refusal_write, me)
        for fd in (out_write, err_write, refusal_write):
            os.close(fd)
        with os.fdopen(refusal, "rb") as file:
            sentence = file.read().decode("utf-8", "replace")
        for fd, stream in ((out, b"stdout"), (err, b"stderr")):
            os.set_blocking(fd, False)
            self._writers[fd] = LineWriter(self._log, stream)
            self._poll.register(fd, select.POLLIN)
        return sentence

    def _become(self, out: int, err: int, refusal: int, parent: int) -> None:
        """In the child: turn into the container's process. Never returns."""
        try:
            os.setsid()
            on_linux(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(CANNOT_START)
            for number in range(1, signal.NSIG):
                if number not in (signal.SIGKILL, signal.SIGSTOP) and number < 32:
                    signal.signal(number, signal.SIG_DFL)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for fd, target in ((nothing, 0), (out, 1), (err, 2)):
                os.dup2(fd, target)
            os.umask(0o022)
            os.chdir(self._cwd)
            os.execvpe(self._argv[0], self._argv, self._env)
        except OSError as error:
            os.write(refusal, self._sentence(error).encode("utf-8", "replace"))
        except ValueError as error:
            os.write(refusal, f"exec: {error}".encode("utf-8", "replace"))
        finally:
            os._exit(CANNOT_START)

    def _sentence(self, error: OSError) -> str:
        if not os.path.isdir(self._cwd):
            return f'chdir to "{self._cwd}" failed: {os.strerror(error.errno or 0).lower()}'
        if isinstance(error, FileNotFoundError) and "/" not in self._argv[0]:
            return f'exec: "{self._argv[0]}": executable file not found in $PATH'
        return f'exec: "{self._argv[0]}": {os.strerror(error.errno or 0).lower()}'

    def _step(self, milliseconds: int | None) -> None:
        """Wait for something to happen and take note of it."""
        for fd, _ in self._poll.poll(milliseconds):
            if fd == 0:
                data = os.read(0, BLOCK_BYTES)
                if not data:
                    self._poll.unregister(0)
                    self._must_die = True
                self._obey(data)
            elif fd == self._wake:
                os.read(self._wake, BLOCK_BYTES)
                self._reap()
            else:
                self._read(fd)

    def _obey(self, data: bytes) -> None:
        commands, self._commands = self._commands + data, b""
        if b"K" in commands:
            self._must_die = True
        elif b"T" in commands and self._code is None:
            os.kill(self._pid, signal.SIGTERM)

    def _reap(self) -> bool:
        """Bury the dead; whether no child is left, dead or alive."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self._pid:
                code = os.waitstatus_to_exitcode(status)
                self._code = code if code >= 0 else 128 - code
                self._finished = time.time()

    def _read(self, fd: int) -> bool:
        """One block of output; whether there may be more."""
        try:
            data = os.read(fd, BLOCK_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._writers[fd].feed(data)
        else:
            self._poll.unregister(fd)
            self._writers.pop(fd).close()
        return bool(data)

    def _drain(self, fd: int) -> None:
        while self._read(fd):
            pass
        if fd in self._writers:
            self._writers.pop(fd).close()


def descendants(root: int, first: int) -> list[int]:
    """All processes below `root`; where there is no /proc, the first one and its group stand for them."""
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        numbers = []
    parents = {number: parent for number in numbers if (parent := parent_of(number))}
    found: list[int] = []
    border = {root}
    while border:
        border = {number for number, parent in parents.items() if parent in border}
        found += border
    return found if numbers else [first, -first]


def parent_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return


def on_linux(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def report(line: dict[str, object]) -> None:
    try:
        os.write(1, json.dumps(line).encode() + b"\n")
    except OSError:
        return  # the node is gone; the tree is what matters


def main() -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    given = b""
    while b"\n" not in given:
        block = os.read(0, BLOCK_BYTES)
        if not block:
            return
        given += block
    on_linux(_PR_SET_CHILD_SUBREAPER, 1)
    spec, _, commands = given.partition(b"\n")
    Supervisor(json.loads(spec), commands).run()


if __name__ == "__main__":
    main()
