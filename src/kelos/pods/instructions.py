"""Several AgentConfigs made one: instructions, plugins, skills and MCP servers in reference order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kelos.agents.capabilities import Given
from kelos.api.agent_config import AgentConfig, McpServer, Plugin, SkillPackage
from kelos.api.kinds import Manifest
from kelos.errors import UserError

MCP_SECRETS_PATH = "/kelos/mcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructions:
    """What the agent is told and given beside its prompt."""

    agents_md: str = ""
    plugins: tuple[Plugin, ...] = ()
    skills: tuple[SkillPackage, ...] = ()
    mcp_servers: tuple[McpServer, ...] = ()

    @property
    def needs_plugin_dir(self) -> bool:
        return bool(self.plugins or self.skills)


@dataclass(slots=True)
class Mounts:
    """Secrets and ConfigMaps whose values MCP servers use: each is mounted once, its values never leave it."""

    sources: dict[tuple[str, str], str] = field(default_factory=dict)
    required: set[tuple[str, str]] = field(default_factory=set)
    """Those without which the pod must not start."""

    def folder(self, kind: str, name: str, *, is_optional: bool = False) -> str:
        if not is_optional:
            self.required.add((kind, name))
        return self.sources.setdefault((kind, name), f"{MCP_SECRETS_PATH}/{len(self.sources)}")


def merge(configs: Iterable[AgentConfig]) -> Instructions:
    """Texts are joined with a blank line; a later MCP server of the same name takes the earlier one's place."""
    configs = tuple(configs)
    servers: dict[str, McpServer] = {}
    for config in configs:
        for server in config.spec.mcp_servers:
            servers[server.name] = server
    plugins = tuple(plugin for config in configs for plugin in config.spec.plugins)
    _refuse_clashes(plugins)
    return Instructions(
        agents_md="\n\n".join(config.spec.agents_md for config in configs if config.spec.agents_md),
        plugins=plugins,
        skills=tuple(skill for config in configs for skill in config.spec.skills),
        mcp_servers=tuple(servers.values()),
    )


def given(instructions: Instructions) -> Given:
    """What the agent is given; which skills a package has is known only when it is there."""
    plugins, packages = instructions.plugins, instructions.skills
    return Given(
        instructions=bool(instructions.agents_md),
        skills=(*(f"{p.name}:{s.name}" for p in plugins for s in p.skills), *(p.source for p in packages)),
        sub_agents=tuple(f"{plugin.name}:{agent.name}" for plugin in plugins for agent in plugin.agents),
        transports={server.name: server.type.value for server in instructions.mcp_servers},
    )


def plugin_files(plugins: Iterable[Plugin]) -> dict[str, str]:
    """Path below the plugin folder → content."""
    files: dict[str, str] = {}
    for plugin in plugins:
        for skill in plugin.skills:
            files[f"{plugin.name}/skills/{skill.name}/SKILL.md"] = skill.content
        for agent in plugin.agents:
            files[f"{plugin.name}/agents/{agent.name}.md"] = agent.content
    return files


def mcp_document(servers: Iterable[McpServer], mounts: Mounts) -> Manifest:
    """The MCP configuration as the runner reads it: secret values are references to mounted files."""
    return {"mcpServers": {server.name: _mcp_server(server, mounts) for server in servers}}


def _mcp_server(server: McpServer, mounts: Mounts) -> Manifest:
    shown: Manifest = {"type": server.type.value}
    if server.command:
        shown["command"] = server.command
    if server.args:
        shown["args"] = list(server.args)
    if server.url:
        shown["url"] = server.url
    if server.headers:
        shown["headers"] = dict(server.headers)
    if server.headers_from is not None:
        shown["headersFrom"] = mounts.folder("Secret", server.headers_from.secret_ref.name)
    if env := {entry["name"]: _env_value(server.name, entry, mounts) for entry in server.env_entries}:
        shown["env"] = env
    if server.env_from is not None:
        shown["envFrom"] = mounts.folder("Secret", server.env_from.secret_ref.name)
    return shown


def _env_value(server: str, entry: Manifest, mounts: Mounts) -> object:
    source = entry.get("valueFrom")
    if source is None:
        return str(entry.get("value") or "")
    for field_name, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if ref := source.get(field_name):
            is_optional = bool(ref.get("optional"))
            path = f"{mounts.folder(kind, ref['name'], is_optional=is_optional)}/{ref['key']}"
            return {"$file": path, "optional": True} if is_optional else {"$file": path}
    name = entry.get("name")
    raise UserError(f"MCP server '{server}': env '{name}' may take its value from secretKeyRef or configMapKeyRef only")


def _refuse_clashes(plugins: Iterable[Plugin]) -> None:
    seen: dict[str, str] = {}
    for plugin in plugins:
        for path, content in plugin_files([plugin]).items():
            if seen.setdefault(path, content) != content:
                raise UserError(f"two AgentConfigs define different contents for plugin file '{path}'; rename one")
