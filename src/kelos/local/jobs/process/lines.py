"""Reading what the supervisor wrote: lines of the log back to the bytes that people want to see."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import BinaryIO

from kelos.local.jobs.process.supervise import log_time

BLOCK_BYTES = 64 * 1024
_TIME_LENGTH = 30
_TAG_AT = _TIME_LENGTH + len(" stdout ")
_CONTENT_AT = _TAG_AT + 2


@dataclass(slots=True)
class Renderer:
    """Turns raw log lines into output; keeps what spans blocks: a cut raw line, a line that goes on, the limit."""

    since: datetime | None = None
    timestamps: bool = False
    limit_bytes: int | None = None
    _rest: bytes = b""
    _at_line_start: bool = field(default=True)

    @property
    def is_full(self) -> bool:
        return self.limit_bytes is not None and self.limit_bytes <= 0

    def feed(self, block: bytes) -> bytes:
        """The output of the raw lines that are complete now."""
        lines = (self._rest + block).split(b"\n")
        self._rest = lines.pop()
        first = log_time(_nanoseconds(self.since)) if self.since else b""
        out = b"".join(self._output(line) for line in lines if line[:_TIME_LENGTH] >= first)
        if self.limit_bytes is not None:
            out = out[: max(self.limit_bytes, 0)]
            self.limit_bytes -= len(out)
        return out

    def _output(self, line: bytes) -> bytes:
        is_whole = line[_TAG_AT : _TAG_AT + 1] == b"F"
        head = line[:_TIME_LENGTH] + b" " if self.timestamps and self._at_line_start else b""
        self._at_line_start = is_whole
        return head + line[_CONTENT_AT:] + (b"\n" if is_whole else b"")


def tail_start(file: BinaryIO, lines: int) -> int:
    """Where the last `lines` lines of the output begin; a long line that was written in parts is one line."""
    position = end = file.seek(0, 2)
    if lines <= 0:
        return end
    kept = b""
    while position > 0:
        step = min(BLOCK_BYTES, position)
        position -= step
        file.seek(position)
        kept = file.read(step) + kept
        if (start := _nth_last_start(kept, lines, is_all=position == 0)) is not None:
            return position + start
    return 0


def _nth_last_start(data: bytes, lines: int, *, is_all: bool) -> int | None:
    """The offset after the whole line before the last `lines` ones; None when `data` does not reach back so far."""
    ends: list[int] = []
    at = len(data)
    while at > 0:
        start = data.rfind(b"\n", 0, at - 1) + 1
        if start == 0 and not is_all:
            return None
        if data[start + _TAG_AT : start + _TAG_AT + 1] == b"F" or at == len(data):
            ends.append(at)
            if len(ends) > lines:
                return at
        at = start
    return 0 if is_all else None


def _nanoseconds(moment: datetime) -> int:
    return int(moment.astimezone(timezone.utc).timestamp() * 1_000_000) * 1000
