"""Turns raw log lines into what a person wants to read, with the help of the agent's own reader."""

from __future__ import annotations

from kelos.agents.protocol import StreamReader
from kelos.api.names import CONTAINER_AGENT, MARKER_END, MARKER_START


class Show:
    """Takes raw lines in, gives readable text out; the outputs block at the end is for machines and is left out."""

    def __init__(self, reader: StreamReader) -> None:
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
        return "".join(piece.text for piece in self._reader.feed(line)).rstrip("\n")
