"""Keeps a Task's log: whole in a file, readable on the console when that is wanted, its last lines for a failure."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from kelos.action.log.console import Console
from kelos.action.log.show import Show
from kelos.api.names import CONTAINER_AGENT

TAIL_LINES = 50


class LogBook:
    """Only the main thread writes it. `label` tells the lines of several Tasks apart; `transcript` is of the agent."""

    def __init__(
        self,
        path: Path,
        *,
        show: Show,
        console: Console,
        is_live: bool,
        label: str = "",
        transcript: Path | None = None,
    ) -> None:
        self.path, self.label, self.transcript = path, label, transcript
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._show = show
        self._console = console
        self._is_live = is_live
        self._is_kept = True

    @property
    def spent(self) -> str:
        """Money and tokens so far, "" when nothing is known."""
        return str(self._show.spent)

    @property
    def exists(self) -> bool:
        return self.path.exists()

    def write(self, container: str, line: str, pod: str = "") -> bool:
        """Take one raw line; whether something was shown."""
        if self._is_kept:
            self._keep(container, line)
        return self._tell(self._show.feed(container, line, pod))

    def _keep(self, container: str, line: str) -> None:
        """A disk that is full must not end the Task."""
        try:
            _append(self.path, line)
            if self.transcript is not None and container == CONTAINER_AGENT:
                _append(self.transcript, line)
        except OSError as error:
            self._is_kept = False
            self._console.warn(f"From here on the log is shown only, for '{self.path}' fails: {error.strerror}")

    def close(self) -> None:
        """Show what came without an end of line."""
        self._tell(self._show.end())

    def _tell(self, shown: str) -> bool:
        if not shown:
            return False
        self.tail.extend(shown.splitlines())
        if self._is_live:
            self._console.agent(shown, self.label)
        return self._is_live


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8", errors="replace", newline="\n") as file:
        file.write(f"{line}\n")
