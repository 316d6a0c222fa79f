"""The demo agent: offline, without a key, the same every time. It does what its prompt says, line by line.

    # a remark            nothing (nor does an empty line)
    write PATH: TEXT      the file holds this one line
    append PATH: TEXT     the file gets this line at its end
    commit MESSAGE        everything in the checkout becomes a commit
    push                  the current branch goes to origin
    sleep SECONDS         wait
    say TEXT              say it; what was said last is the answer
    usage input=N output=N cache-read=N cache-write=N cost=X    tokens and dollars to report, all optional
    fail MESSAGE          end with an error
    exit CODE             end at once with this exit code and without a closing event

A prompt without any such line is answered with a sentence and is a success; a line of another kind between
them is an error before anything is done. Text is data: there is no shell and no variable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from kelos.agents import json_lines as jl
from kelos.agents import rendering, verdict
from kelos.agents.protocol import AgentRequest, Setup, Shown, Takes
from kelos.agents.sentences import one_line
from kelos.api.outcome import AgentEnd, Usage
from kelos.errors import UserError

NAME = "demo"
COUNTS = ("input", "output", "cache-read", "cache-write")
SLEEP_LIMIT_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line of a program: the verb, its text, and for files the path."""

    verb: str
    text: str = ""
    path: str = ""
    line: int = 0


_AMOUNT = r"(?:input|output|cache-read|cache-write)=[0-9]{1,15}|cost=[0-9]{1,9}(?:\.[0-9]{1,12})?"
_SHAPES = (
    re.compile(r"(?P<verb>write|append) (?P<path>[^:]+):(?: (?P<text>.*))?"),
    re.compile(r"(?P<verb>commit|say|fail) (?P<text>.+)"),
    re.compile(r"(?P<verb>push)"),
    re.compile(r"(?P<verb>sleep) (?P<text>[0-9]{1,5}(?:\.[0-9]{1,3})?)"),
    re.compile(r"(?P<verb>exit) (?P<text>[0-9]{1,3})"),
    re.compile(rf"(?P<verb>usage)(?P<text>(?: (?:{_AMOUNT}))+)"),
)


def parse_program(prompt: str) -> tuple[Command, ...]:
    """The commands of a prompt, none when no line is one. Raises UserError naming the first line it cannot read."""
    commands: list[Command] = []
    unknown: list[tuple[int, str]] = []
    for number, written in enumerate(prompt.split("\n"), start=1):
        line = written.rstrip("\r").strip(" \t")
        if not line or line.startswith("#"):
            continue
        command = _command(line, number)
        if command is None:
            unknown.append((number, line))
        else:
            commands.append(command)
    if commands and unknown:
        number, line = unknown[0]
        raise UserError(f"Line {number} of the prompt is no command of the demo agent: '{one_line(line, 60)}'")
    return tuple(commands)


def parse_usage(words: str) -> dict[str, str]:
    """The amounts of a `usage` line."""
    return dict(word.split("=", 1) for word in words.split())


def check_path(path: str) -> str:
    """A path inside the checkout and outside of git's own folder, or a UserError."""
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or "\x00" in path or any(part in ("", ".", "..") for part in parts):
        raise UserError(f"Path '{one_line(path, 60)}' is not a plain path inside the checkout")
    if any(part.lower() == ".git" for part in parts):
        raise UserError(f"Path '{one_line(path, 60)}' lies in git's own folder")
    return path


def _command(line: str, number: int) -> Command | None:
    for shape in _SHAPES:
        if (match := shape.fullmatch(line)) is None:
            continue
        found = match.groupdict()
        if found["verb"] == "sleep" and Decimal(found["text"]) > SLEEP_LIMIT_SECONDS:
            return None
        if found["verb"] == "exit" and int(found["text"]) > 255:
            return None
        path = (found.get("path") or "").strip()
        return Command(verb=found["verb"], text=(found.get("text") or "").strip(), path=path, line=number)
    return None


class Demo:
    """The adapter; the program it starts is `kelos.runner.demo`."""

    name = NAME
    program = ""
    takes = Takes(instructions=False, skills=False, sub_agents=False, transports=frozenset())

    def credential_env(self, credentials_type: str) -> str | None:
        return None

    def configure(self, request: AgentRequest) -> Setup:
        return Setup(argv=(*request.runner, "demo"), stdin=request.prompt)

    def reader(self) -> DemoReader:
        return DemoReader()


class DemoReader:
    """`init`, `message`, `tool`, and one `result` at the end."""

    should_stop: str | None = None

    def __init__(self) -> None:
        self._result: jl.Event | None = None
        self._session = ""
        self._said = ""

    @property
    def so_far(self) -> Usage:
        result = self._result
        return Usage(
            input_tokens=jl.count(result, "usage", "input"),
            output_tokens=jl.count(result, "usage", "output"),
            cache_read_tokens=jl.count(result, "usage", "cache-read"),
            cache_write_tokens=jl.count(result, "usage", "cache-write"),
            cost_usd=jl.plain(jl.number(result, "usage", "cost")),
            model=NAME if self._session else None,
        )

    def feed(self, line: str) -> tuple[Shown, ...]:
        event = jl.parse_line(line)
        if event is None:
            return rendering.raw(line)
        kind = jl.text(event, "type")
        if kind == "init":
            self._session = jl.text(event, "session")
            return (rendering.note("[init] model=demo"),)
        if kind == "message":
            self._said = jl.text(event, "text")
            return (rendering.answer(self._said),)
        if kind == "tool":
            return (rendering.tool(jl.text(event, "name"), {"path": jl.text(event, "input")}),)
        if kind == "result":
            self._result = event
            error = jl.text(event, "error")
            return (rendering.note(f"[result] error ({error})" if error else "[result] completed"),)
        return ()

    def end(self, exit_code: int | None, stderr: str = "") -> AgentEnd:
        result = self._result
        seen = verdict.Seen(usage=self.so_far, response=self._said or None, session_id=self._session or None)
        if result is None:
            return verdict.without_an_end(NAME, exit_code, stderr, seen)
        if error := jl.text(result, "error"):
            return verdict.broke_down(NAME, error, seen)
        if exit_code not in (0, None):
            return verdict.exited_badly(NAME, exit_code, stderr, seen)
        return verdict.succeeded(seen)
