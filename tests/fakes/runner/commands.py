"""Workflow commands as the runner finds them in a log: `::x` at a line's start, `##[x` anywhere, fences respected."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ANNOTATIONS = ("debug", "error", "notice", "warning")
LAYOUT = ("echo", "endgroup", "group")
POWERFUL = ("add-mask", "add-matcher", "add-path", "internal-set-repo-path", "remove-matcher", "save-state", "set-env")
REGISTERED = frozenset((*ANNOTATIONS, *LAYOUT, *POWERFUL, "set-output", "stop-commands"))
# What .NET trims: fewer characters than Python does.
SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_FRONT = re.compile(f"^[{SPACE}]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command that was obeyed; `line` is as it stood, without the space before it."""

    name: str
    properties: dict[str, str]
    data: str
    line: str


@dataclass(slots=True)
class CommandReader:
    """Takes lines in the order of the log. Between a stop-commands and its token nothing else is a command."""

    fence: str | None = None
    masks: list[str] = field(default_factory=list)

    def feed(self, line: str) -> Command | None:
        """The command that this line is; stopping and resuming are no news."""
        known = REGISTERED | ({self.fence.lower()} if self.fence else set())
        found = _new_form(line, known) or _old_form(line, known)
        if found is None:
            return None
        if self.fence is not None:
            self.fence = None if found.name == self.fence.lower() else self.fence
            return None
        if found.name == "stop-commands":
            assert found.data, "a stop token is empty"
            assert found.data.lower() not in REGISTERED, f"'{found.data}' is no stop token"
            self.fence = found.data
            return None
        if found.name == "add-mask":
            self.masks.append(found.data)
        return found


def obeyed(log: str) -> list[Command]:
    """Every command in a log."""
    reader = CommandReader()
    found = [reader.feed(line) for line in lines(log)]
    assert reader.fence is None, "the runner listens to no commands any more"
    return [command for command in found if command]


def commands(log: str) -> list[str]:
    """The lines that are commands."""
    return [command.line for command in obeyed(log)]


def lines(log: str) -> list[str]:
    """As the runner reads a process's output: CR, LF and CRLF end a line, and nothing else does."""
    return re.split(r"\r\n|\r|\n", log)


def _new_form(line: str, known: frozenset[str] | set[str]) -> Command | None:
    text = _FRONT.sub("", line)
    end = text.find("::", 2)
    if not text.startswith("::") or end < 0:
        return None
    name, _, properties = text[2:end].partition(" ")
    if name.lower() not in known:
        return None
    pairs = [pair.split("=", 1) for pair in properties.strip().split(",") if "=" in pair]
    values = {key: _unescape(value, ("%3A", ":"), ("%2C", ",")) for key, value in pairs}
    return Command(name=name.lower(), properties=values, data=_unescape(text[end + 2 :]), line=text)


def _old_form(line: str, known: frozenset[str] | set[str]) -> Command | None:
    start = line.find("##[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    name, _, properties = line[start + 3 : end].partition(" ")
    if name.lower() not in known:
        return None
    pairs = [pair.split("=", 1) for pair in properties.strip().split(";") if "=" in pair]
    return Command(name=name.lower(), properties=dict(pairs), data=line[end + 1 :], line=_FRONT.sub("", line))


def _unescape(text: str, *more: tuple[str, str]) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), *more, ("%25", "%")):
        text = text.replace(code, character)
    return text
