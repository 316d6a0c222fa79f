"""Child programs that never outlive their parent, however it dies."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

SWEEP_SECONDS = 180  # a node's files are many, and a busy disk removes them slowly
KEEPER = Path(__file__).with_name("keeper.py")


class ProgramDiedError(Exception):
    """A program of the control plane ended by itself; the text ends with its last words."""


class Program:
    """One running program and its log file."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raise when the program has ended."""
        code = self._process.poll()
        if code is not None:
            raise ProgramDiedError(f"{self.name} ended with {code}:\n{self.last_words()}")

    def last_words(self, lines: int = 15) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def send(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once and wait until it is gone; what it held is throw-away."""
        self.send(signal.SIGKILL)
        self._process.wait(timeout=60)


class Workshop:
    """A temporary folder and the programs that run in it; both vanish at `close` or with this process."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kelos-control-plane-"))
        # The kernel closes our end of this pipe even after SIGKILL; PR_SET_PDEATHSIG would follow a thread instead.
        self._keeper = subprocess.Popen(
            [sys.executable, "-S", "-E", str(KEEPER), str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        self._programs: list[Program] = []

    def start(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Program:
        """Start a program whose arguments name this folder, which is how the keeper recognises it."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C in the terminal is for the tests, which then stop us in order
                env={"PATH": os.defpath, "HOME": str(self.folder), **(environment or {})},
            )
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(f"{process.pid}\n".encode())
        self._keeper.stdin.flush()
        program = Program(name, process, log)
        self._programs.append(program)
        return program

    @property
    def programs(self) -> Sequence[Program]:
        return tuple(self._programs)

    def close(self) -> None:
        """Stop every program and remove the folder."""
        for program in reversed(self._programs):
            program.kill()
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait(SWEEP_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)
