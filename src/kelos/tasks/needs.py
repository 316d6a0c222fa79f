"""Which Secrets and ConfigMaps a Task needs before it can start, and which key of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from kelos.agents.registry import find_agent
from kelos.api import names
from kelos.api.agent_config import AgentConfig, McpServer
from kelos.api.task import Task
from kelos.api.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """`key` is empty when any content will do; `purpose` is what a person calls it.

    Where the keys of a GitHub App do as well as `key`, `takes_app` says so.
    """

    name: str
    purpose: str
    key: str = ""
    takes_app: bool = False

    def lacks(self, keys: Collection[str]) -> tuple[str, ...]:
        """The keys that have to be added to those; nothing when the Secret will do."""
        app = tuple(key for key in names.APP_SECRET_KEYS if key not in keys)
        if not self.key or self.key in keys:
            return ()
        return app if self.takes_app and len(app) < len(names.APP_SECRET_KEYS) else (self.key,)


def is_app(keys: Collection[str] | None) -> bool:
    """Whether a Secret of these keys holds a GitHub App's credentials; they go before a token beside them."""
    return keys is not None and all(key in keys for key in names.APP_SECRET_KEYS)


def needed_secrets(
    task: Task, workspace: Workspace | None, agent_configs: Mapping[str, AgentConfig | None]
) -> tuple[Need, ...]:
    return (*_credentials(task), *_workspace(workspace), *_agent_configs(agent_configs.values()))


def needed_config_maps(agent_configs: Mapping[str, AgentConfig | None]) -> tuple[Need, ...]:
    servers = (s for config in agent_configs.values() if config is not None for s in config.spec.mcp_servers)
    return tuple(need for server in servers for need in _values(server, "configMapKeyRef"))


def _credentials(task: Task) -> Iterable[Need]:
    credentials = task.spec.effective.credentials
    agent_type = task.spec.effective.agent_type
    if credentials is None or credentials.secret_ref is None or agent_type is None:
        return
    key = find_agent(agent_type.value).credential_env(credentials.type)
    if key is not None:
        yield Need(name=credentials.secret_ref.name, purpose="agent credentials", key=key)


def _workspace(workspace: Workspace | None) -> Iterable[Need]:
    if workspace is not None and workspace.spec.secret_ref is not None:
        name = workspace.spec.secret_ref.name
        yield Need(
            name=name,
            purpose=f"git token of Workspace '{workspace.meta.name}'",
            key=names.KEY_GITHUB_TOKEN,
            takes_app=True,
        )


def _agent_configs(configs: Iterable[AgentConfig | None]) -> Iterable[Need]:
    for config in configs:
        if config is None:
            continue
        for skill in config.spec.skills:
            if skill.secret_ref is not None:
                yield Need(
                    name=skill.secret_ref.name, purpose=f"token for skills '{skill.source}'", key=names.KEY_GITHUB_TOKEN
                )
        for server in config.spec.mcp_servers:
            yield from _mcp_server(server)


def _mcp_server(server: McpServer) -> Iterable[Need]:
    for source in (server.headers_from, server.env_from):
        if source is not None:
            yield Need(name=source.secret_ref.name, purpose=_purpose(server))
    yield from _values(server, "secretKeyRef")


def _values(server: McpServer, source: str) -> Iterable[Need]:
    """What single variables of the server's environment take from there."""
    for entry in server.env_entries:
        ref = (entry.get("valueFrom") or {}).get(source)
        if ref and not ref.get("optional"):
            yield Need(name=ref["name"], purpose=_purpose(server), key=ref["key"])


def _purpose(server: McpServer) -> str:
    return f"values for MCP server '{server.name}'"
