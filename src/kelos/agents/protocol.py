"""What an agent is to us: what it needs before it starts, how it is started, how its stream is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from kelos.api.outcome import AgentEnd, Usage

McpServers = Mapping[str, Mapping[str, Any]]
"""Name → {type, command, args, url, headers, env}; secrets are already resolved, empty members may be missing."""

PRIVATE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """A folder with a SKILL.md."""

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubAgent:
    """A Markdown file that describes a helper of the agent."""

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """Skills and sub-agents below one folder, as the preparing container left them."""

    name: str
    path: str
    skills: tuple[Skill, ...] = ()
    agents: tuple[SubAgent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRequest:
    """Everything an adapter may look at. `runner` is the command that starts one of our own programs."""

    prompt: str
    model: str = ""
    effort: str = ""
    home: str
    workdir: str
    agents_md: str = ""
    mcp_servers: McpServers = field(default_factory=dict)
    plugins: tuple[Plugin, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    is_root: bool = False
    prompt_path: str = ""
    runner: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A file below the home folder. `render` turns what it holds now ("" when missing) into what it shall hold.

    Rendering twice gives the same text, so that a second run in one home changes nothing.
    """

    path: str
    render: Callable[[str], str]
    mode: int = PRIVATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A file or folder to copy; a folder that is already at `target` is replaced."""

    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How to start an agent. `stdin` None means that there is nothing to read, not even a terminal."""

    argv: tuple[str, ...]
    stdin: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    files: tuple[ConfigFile, ...] = ()
    copies: tuple[Copy, ...] = ()
    warnings: tuple[str, ...] = ()


class Stream(str, Enum):
    STDOUT = "stdout"
    STDERR = "stderr"


class Line(str, Enum):
    """What a piece of the log is about."""

    TEXT = "text"
    NOTE = "note"
    TURN = "turn"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One piece of a readable log: write `text` as it is, line ends included."""

    stream: Stream
    text: str
    line: Line = Line.TEXT


class StreamReader(Protocol):
    """Reads one run's stdout line by line. Never raises, whatever the line holds."""

    @property
    def should_stop(self) -> str | None:
        """A sentence when the run can come to no good end any more and only spends, else None."""

    @property
    def so_far(self) -> Usage:
        """What the run has used, as far as its stream has told."""

    def feed(self, line: str) -> tuple[Shown, ...]:
        """Take one line in and say how a person should see it."""

    def end(self, exit_code: int | None, stderr: str = "") -> AgentEnd:
        """What the run came to. `stderr` is its last part; it speaks only where the stream says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """Which parts of an AgentConfig an agent can use; `transports` are the types of MCP servers."""

    instructions: bool = True
    skills: bool = True
    sub_agents: bool = True
    transports: frozenset[str] = frozenset({"stdio", "http", "sse"})


class Agent(Protocol):
    """One kind of agent."""

    @property
    def name(self) -> str:
        """The value of `spec.type`."""

    @property
    def program(self) -> str:
        """The program that must be on PATH; empty when the runner is all it needs."""

    @property
    def takes(self) -> Takes:
        """What it can use of an AgentConfig."""

    def credential_env(self, credentials_type: str) -> str | None:
        """The variable, and Secret key, that carries the credential; None when the agent takes none."""

    def configure(self, request: AgentRequest) -> Setup:
        """Decide files, environment and command. Raises UserError when the request cannot be met."""

    def reader(self) -> StreamReader:
        """A fresh reader for one run."""
