"""Pieces of configuration that several adapters write in the same way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kelos.agents.protocol import Copy, McpServers, Plugin
from kelos.errors import UserError


def replace(text: str) -> Callable[[str], str]:
    """The file holds exactly this."""
    return lambda _: text


def keep_or(text: str) -> Callable[[str], str]:
    """The file keeps what it has; this is for one that is missing or empty."""
    return lambda existing: existing or text


def merge_json(values: Mapping[str, Any]) -> Callable[[str], str]:
    """The JSON object in the file gets these values, object by object; what it says otherwise stays."""

    def render(existing: str) -> str:
        try:
            found = json.loads(existing) if existing.strip() else {}
        except (ValueError, RecursionError):
            found = {}
        return (
            json.dumps(_merged(found if isinstance(found, dict) else {}, values), indent=2, ensure_ascii=False) + "\n"
        )

    return render


def with_toml_tables(tables: str, is_ours: Callable[[str], bool]) -> Callable[[str], str]:
    """A TOML file with our tables at its end; tables it had under the same names go, a table twice is an error."""
    begin, end = "# kelos begin", "# kelos end"

    def render(existing: str) -> str:
        kept: list[str] = []
        keeps = True
        for line in _without_block(existing, begin, end).splitlines():
            if line.lstrip().startswith("["):
                keeps = not is_ours(line.strip())
            if keeps:
                kept.append(line)
        own = "\n".join(kept).rstrip("\n")
        block = f"{begin}\n{tables.rstrip()}\n{end}\n"
        return f"{own}\n\n{block}" if own else block

    return render


def standard_mcp(servers: McpServers) -> dict[str, Any]:
    """Servers in the form most agents share; members that hold nothing are left out."""
    return {
        name: {member: value for member, value in server.items() if value not in (None, "", [], {})}
        for name, server in servers.items()
    }


def copies_of_skills(plugins: Iterable[Plugin], folder: str) -> tuple[Copy, ...]:
    """One folder per skill, called `<plugin>:<skill>`. Raises UserError when two would land in one place."""
    copies: dict[str, Copy] = {}
    for plugin in plugins:
        for skill in plugin.skills:
            _add(copies, Copy(source=skill.path, target=f"{folder}/{plugin.name}:{skill.name}"))
    return tuple(copies.values())


def copies_of_agents(plugins: Iterable[Plugin], name: Callable[[Plugin, str], str]) -> tuple[Copy, ...]:
    """One file per sub-agent, called as `name` says. Raises UserError when two would land in one place."""
    copies: dict[str, Copy] = {}
    for plugin in plugins:
        for agent in plugin.agents:
            _add(copies, Copy(source=agent.path, target=name(plugin, agent.name)))
    return tuple(copies.values())


def _add(copies: dict[str, Copy], copy: Copy) -> None:
    if copy.target in copies:
        raise UserError(
            f"Two plugin files would become '{copy.target.rpartition('/')[2]}': "
            f"'{copies[copy.target].source}' and '{copy.source}'. Rename one of them in its AgentConfig"
        )
    copies[copy.target] = copy


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged


def _without_block(text: str, begin: str, end: str) -> str:
    before, found, rest = text.partition(begin)
    return before + rest.partition(end)[2].lstrip("\n") if found else text
