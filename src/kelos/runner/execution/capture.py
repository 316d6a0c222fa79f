"""The agent's output on its way through: copied byte for byte, read line by line, in bounded memory."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO

from kelos.agents.protocol import StreamReader
from kelos.runner.report import write_all

CHUNK_BYTES = 64 * 1024
LINE_LIMIT_BYTES = 16 * 1024 * 1024
TAIL_BYTES = 8 * 1024


class Lines:
    """Cuts chunks into lines. A line over the limit is dropped whole, the ones around it are not."""

    def __init__(self, limit_bytes: int = LINE_LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._is_too_long = False

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that are complete now."""
        *complete, rest = chunk.split(b"\n")
        found = []
        for piece in complete:
            self._add(piece)
            if not self._is_too_long:
                found.append(b"".join(self._parts).decode("utf-8", "replace"))
            self._parts, self._size, self._is_too_long = [], 0, False
        self._add(rest)
        return found

    def rest(self) -> list[str]:
        """The last line when it has no end."""
        return self.feed(b"\n") if self._size else []

    def _add(self, piece: bytes) -> None:
        if not piece or self._is_too_long:
            return
        self._size += len(piece)
        if self._size > self._limit:
            self._parts, self._is_too_long = [], True
        else:
            self._parts.append(piece)


class StdoutPump(threading.Thread):
    """Copies the agent's stdout to ours and feeds the reader; calls `on_stop` once when the reader wants an end."""

    def __init__(self, source: IO[bytes], reader: StreamReader, on_stop: Callable[[str], None]) -> None:
        super().__init__(name="stdout", daemon=True)
        self._source = source
        self._reader = reader
        self._on_stop = on_stop
        self._lines = Lines()
        self._is_stopped = False
        self.is_broken = False

    def run(self) -> None:
        target, is_open, last = sys.stdout.fileno(), True, b"\n"
        while chunk := _read(self._source):
            last = chunk
            is_open = is_open and write_all(target, chunk)
            self._read_lines(self._lines.feed(chunk))
        self._read_lines(self._lines.rest())
        if is_open and not last.endswith(b"\n"):
            write_all(target, b"\n")
        self._source.close()

    def _read_lines(self, lines: list[str]) -> None:
        for line in () if self.is_broken else lines:
            try:
                self._reader.feed(line)
                stop = self._reader.should_stop
            except Exception:
                # A fault in a reader must not stop the copying: the agent would block on a full pipe.
                traceback.print_exc()
                self.is_broken = True
                return
            if stop is not None and not self._is_stopped:
                self._is_stopped = True
                self._on_stop(stop)


class StderrPump(threading.Thread):
    """Copies the agent's stderr to ours and keeps its end."""

    def __init__(self, source: IO[bytes]) -> None:
        super().__init__(name="stderr", daemon=True)
        self._source = source
        self._tail = b""

    @property
    def tail(self) -> str:
        return self._tail.decode("utf-8", "replace")

    def run(self) -> None:
        target, is_open = sys.stderr.fileno(), True
        while chunk := _read(self._source):
            is_open = is_open and write_all(target, chunk)
            self._tail = (self._tail + chunk)[-TAIL_BYTES:]
        self._source.close()


class StdinFeeder(threading.Thread):
    """Writes the prompt and closes the pipe; an agent that does not read it is no error."""

    def __init__(self, target: IO[bytes], data: bytes) -> None:
        super().__init__(name="stdin", daemon=True)
        self._target = target
        self._data = data

    def run(self) -> None:
        write_all(self._target.fileno(), self._data)
        self._target.close()


def _read(source: IO[bytes]) -> bytes:
    try:
        return os.read(source.fileno(), CHUNK_BYTES)
    except OSError:
        return b""
