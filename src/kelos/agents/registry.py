"""Every agent we know, by the value of `spec.type`."""

from __future__ import annotations

from kelos.agents.claude_code import ClaudeCode
from kelos.agents.codex import Codex
from kelos.agents.cursor import Cursor
from kelos.agents.demo import Demo
from kelos.agents.gemini import Gemini
from kelos.agents.opencode import OpenCode
from kelos.agents.protocol import Agent, StreamReader
from kelos.errors import UserError

AGENTS: dict[str, Agent] = {
    agent.name: agent for agent in (ClaudeCode(), Codex(), Gemini(), OpenCode(), Cursor(), Demo())
}


def find_agent(name: str) -> Agent:
    """The agent of that type. Raises UserError when there is none."""
    agent = AGENTS.get(name)
    if agent is None:
        raise UserError(f"Unknown agent type '{name[:60]}'; use one of {', '.join(sorted(AGENTS))}")
    return agent


def reader_for(name: str) -> StreamReader:
    """A reader for logs of that agent type; logs of an unknown one are read like Claude Code's."""
    return AGENTS.get(name, AGENTS["claude-code"]).reader()
