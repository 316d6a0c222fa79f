"""What the provider answers, call by call, and what it counts for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What one answer costs. `input` is uncached; `output` is without `reasoning`. Protocols that add them up do."""

    input: int = 1500
    cache_read: int = 900
    cache_write: int = 300
    output: int = 35
    reasoning: int = 5


@dataclass(frozen=True, slots=True)
class Run:
    """The model calls its shell tool. A `{n}` in the command becomes the number of the call."""

    command: str


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls another tool, one of the CLI's own or of a tool server."""

    tool: str
    arguments: Mapping[str, Any]
    server: str = ""

    def offered(self, names: Iterable[str]) -> str:
        """The name it has among those offered: CLIs put that of the server before it. Some offer it on request only."""
        ending = f"_{self.tool}" if self.server else self.tool
        known = (name for name in names if name.endswith(ending))
        return next(known, f"mcp__{self.server}__{self.tool}" if self.server else self.tool)


@dataclass(frozen=True, slots=True)
class Say:
    """The model answers with a text and is done."""

    text: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The model refuses: the answer ends with the protocol's own word for it."""

    text: str = "I cannot help with that."


@dataclass(frozen=True, slots=True)
class Fail:
    """No answer but an HTTP error."""

    status: int
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The stream of a text ends in the middle: the connection breaks, or (`is_clean`) just nothing more comes."""

    text: str = "Half of a sen"
    is_clean: bool = False


Answer = Run | Call | Say | Refuse | Cut
Step = Answer | Fail


@dataclass(frozen=True, slots=True)
class Scenario:
    """One step for every call; the last one is repeated for ever. `marks` are texts to look for in what is asked."""

    steps: tuple[Step, ...]
    tokens: Tokens = field(default_factory=Tokens)
    marks: tuple[str, ...] = ()

    def step(self, call: int) -> Step:
        """The step for a call, counted from 0."""
        found = self.steps[min(call, len(self.steps) - 1)]
        return Run(found.command.replace("{n}", str(call))) if isinstance(found, Run) else found


def scenario(*steps: Step) -> Scenario:
    """These steps with the usual numbers."""
    return Scenario(steps)
