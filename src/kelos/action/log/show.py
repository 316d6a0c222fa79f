"""Turns raw log lines into what a person wants to read, with the help of the agent's own reader."""

from __future__ import annotations

from typing import Protocol

from kelos.api.kinds import Manifest
from kelos.api.names import CONTAINER_AGENT, MARKER_END, MARKER_START


class Piece(Protocol):
    """A part of the readable log; `text` brings its own line ends."""

    @property
    def text(self) -> str: ...


class Reader(Protocol):
    """An agent's stream reader, as far as a log needs it."""

    def feed(self, line: str) -> tuple[Piece, ...]: ...


class Show:
    """Takes raw lines in, gives readable text out; the outputs block at the end is for machines and is left out."""

    def __init__(self, reader: Reader | None) -> None:
        self._reader = reader
        self._is_in_block = False

    def feed(self, container: str, line: str) -> str:
        """The readable text of one line, "" when there is nothing to see."""
        if container != CONTAINER_AGENT:
            return line
        marker = line.strip()
        if marker == MARKER_START:
            self._is_in_block = True
        if self._is_in_block:
            self._is_in_block = marker != MARKER_END
            return ""
        if self._reader is None:
            return line
        return "".join(piece.text for piece in self._reader.feed(line)).rstrip("\n")


def agent_type_of(task: Manifest) -> str:
    """The agent that counts: the status knows, before that `worker` wins over the flat field."""
    spec, status = task.get("spec") or {}, task.get("status") or {}
    return str(status.get("type") or (spec.get("worker") or {}).get("type") or spec.get("type") or "")


def reader_for(agent_type: str) -> Reader | None:
    """The reader of that agent; None when its lines are shown as they are."""
    return None
