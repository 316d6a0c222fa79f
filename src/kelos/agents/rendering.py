"""The readable log: what goes to stdout, what to stderr, and how a tool call looks in one line."""

from __future__ import annotations

from kelos.agents.json_lines import text
from kelos.agents.protocol import Line, Shown, Stream
from kelos.agents.sentences import printable, summary

# The first of these that a tool's input has says best what the call is about.
_TELLING = (
    "file_path",
    "filePath",
    "notebook_path",
    "path",
    "command",
    "pattern",
    "url",
    "query",
    "description",
)


def raw(line: str) -> tuple[Shown, ...]:
    """A line that is no event goes through as it came; an empty one does not."""
    return (Shown(stream=Stream.STDOUT, text=f"{line}\n"),) if line.strip() else ()


def answer(words: str) -> Shown:
    """What the agent says."""
    shown = printable(words)
    return Shown(stream=Stream.STDOUT, text=shown if shown.endswith("\n") else f"{shown}\n")


def piece(words: str) -> Shown:
    """A part of what the agent says; the next part follows on the same line."""
    return Shown(stream=Stream.STDOUT, text=printable(words))


def note(words: str, line: Line = Line.NOTE) -> Shown:
    """What we say about the run."""
    return Shown(stream=Stream.STDERR, text=f"{printable(words)}\n", line=line)


def turn(number: int) -> Shown:
    return note(f"\n--- Turn {number} ---", Line.TURN)


def step() -> Shown:
    """The agent goes on to its next answer, in streams that have no word for that."""
    return Shown(stream=Stream.STDERR, text="", line=Line.TURN)


def tool(name: str, arguments: object) -> Shown:
    """One line for a tool call."""
    told = next((found for key in _TELLING if (found := text(arguments, key))), "")
    label = summary(name) or "?"
    return note(f"[tool] {label}: {summary(told)}" if told else f"[tool] {label}", Line.TOOL)


def item(kind: str, about: str) -> Shown:
    """One line for an item of another kind."""
    return note(f"[item {summary(kind)}] {summary(about)}" if about else f"[item {summary(kind)}]", Line.TOOL)


def command(words: str) -> Shown:
    """One line for a shell command."""
    return note(f"[command] {summary(words)}", Line.TOOL)
