"""What the step prints: its own sentences, and the agent's text behind a fence that no workflow command passes."""

from __future__ import annotations

import secrets
import sys
from typing import TextIO

from kelos.action.log.text import clean_lines, clean_message

PREFIX = "| "
LIMIT_BYTES = 5 * 1024 * 1024


class Console:
    """The step's log. Only one thread may use it. Outside a runner it prints no workflow commands at all."""

    def __init__(self, *, is_actions: bool, stream: TextIO | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        self._is_actions = is_actions
        self._stream = stream if stream is not None else sys.stdout
        self._fence = ""
        self._left = limit_bytes
        self._masked: set[str] = set()

    def say(self, text: str) -> None:
        """One sentence of ours; one that begins with another's words may not begin like a command."""
        self._open_road()
        message = clean_message(text)
        self._print(f"{PREFIX}{message}" if message.startswith("::") else message)

    def notice(self, text: str) -> None:
        self._annotate("notice", text)

    def warn(self, text: str) -> None:
        self._annotate("warning", text)

    def error(self, text: str) -> None:
        """The one error annotation of the step."""
        self._annotate("error", text)

    def mask(self, secret: str) -> None:
        """Have the runner hide a value; elsewhere nobody would hide it, so nothing is printed."""
        if self._is_actions and secret.strip():
            self._open_road()
            for line in secret.splitlines():
                if line.strip():
                    self._masked.add(line)
                    self._print(f"::add-mask::{_escape(line)}")

    def limit(self, size_bytes: int) -> None:
        """Print no more than so much of the agent's text."""
        self._left = size_bytes

    def hides(self, text: str) -> bool:
        """Whether the runner blots out a part of it."""
        return any(masked in text for masked in self._masked)

    def agent(self, text: str, label: str = "") -> None:
        """Text of the agent: cleaned, marked line by line with the Task it is from, and behind the fence."""
        self._close_road()
        for line in clean_lines(text):
            self._print_within_limit(f"{label}{PREFIX}{line}".rstrip())

    def group(self, title: str, lines: list[str]) -> None:
        """A folded block of agent text."""
        self._open_road()
        self._print(f"::group::{_escape(clean_message(title))}" if self._is_actions else clean_message(title))
        for line in lines:
            self.agent(line)
        self._open_road()
        if self._is_actions:
            self._print("::endgroup::")

    def end(self) -> None:
        """Leave the runner listening to commands, as we found it."""
        self._open_road()

    def _annotate(self, kind: str, text: str) -> None:
        self._open_road()
        message = clean_message(text)
        self._print(f"::{kind} title=Kelos::{_escape(message)}" if self._is_actions else f"{kind}: {message}")

    def _close_road(self) -> None:
        if self._is_actions and not self._fence:
            self._fence = secrets.token_hex(16)
            self._print(f"::stop-commands::{self._fence}")

    def _open_road(self) -> None:
        if self._fence:
            self._print(f"::{self._fence}::")
            self._fence = ""

    def _print_within_limit(self, line: str) -> None:
        if self._left <= 0:
            return
        self._left -= len(line.encode(errors="replace")) + 1
        self._print(line)
        if self._left <= 0:
            self._print("The log is longer than is shown here; the output `log-file` names the file that has all of it")

    def _print(self, line: str) -> None:
        data = f"{line}\n"
        try:
            self._stream.write(data)
        except UnicodeEncodeError:
            self._stream.write(data.encode("ascii", "replace").decode())
        self._stream.flush()


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
