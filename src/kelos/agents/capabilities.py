"""What an agent cannot use of what it is given, in sentences: silence would look like obedience."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kelos.agents.protocol import Agent, AgentRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Parts of AgentConfigs by name; `transports` maps each MCP server to its type."""

    instructions: bool = False
    skills: tuple[str, ...] = ()
    sub_agents: tuple[str, ...] = ()
    transports: Mapping[str, str] = field(default_factory=dict)


def given_to(request: AgentRequest) -> Given:
    """What a run is given."""
    return Given(
        instructions=bool(request.agents_md),
        skills=tuple(f"{plugin.name}:{skill.name}" for plugin in request.plugins for skill in plugin.skills),
        sub_agents=tuple(f"{plugin.name}:{agent.name}" for plugin in request.plugins for agent in plugin.agents),
        transports={name: str(server.get("type") or "") for name, server in request.mcp_servers.items()},
    )


def left_out(agent: Agent, given: Given) -> tuple[str, ...]:
    """One sentence for each kind of thing that the agent cannot use."""
    takes, found = agent.takes, []
    if given.instructions and not takes.instructions:
        found.append(f"{agent.name} takes no instructions: agentsMD is left out")
    if given.skills and not takes.skills:
        found.append(f"{agent.name} has no skills: {_listed(given.skills)} left out")
    if given.sub_agents and not takes.sub_agents:
        found.append(f"{agent.name} has no sub-agents from files: {_listed(given.sub_agents)} left out")
    for transport in sorted(set(given.transports.values()) - takes.transports - {""}):
        servers = sorted(name for name, type in given.transports.items() if type == transport)
        found.append(f"{agent.name} does not speak {transport} with MCP servers: it cannot use {_quoted(servers)}")
    return tuple(found)


def _listed(names: Iterable[str]) -> str:
    quoted = _quoted(names)
    return f"{quoted} {'are' if ',' in quoted else 'is'}"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
