"""AgentConfig: instructions, plugins, skills and MCP servers that Tasks share."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from pydantic import ConfigDict, Field, WithJsonSchema

from kelos.api.meta import Model, Object, SecretReference, SecretValuesSource, rules

UntypedEnv = Annotated[Any, WithJsonSchema({"x-kubernetes-preserve-unknown-fields": True})]
"""A map of strings (v1alpha1) or a list of EnvVar (v1alpha2): one schema cannot say so, `validate` checks it."""


class Document(Model):
    """A named text."""

    name: str = Field(min_length=1, description="Name; becomes a file name.")
    content: str = Field(description="Markdown with front matter.")


class Plugin(Model):
    """Skills and sub-agents under one name."""

    name: str = Field(min_length=1, description="Name; becomes a folder name.")
    skills: tuple[Document, ...] = Field(default=(), description="Skills of the plugin.")
    agents: tuple[Document, ...] = Field(default=(), description="Sub-agents of the plugin.")


class SkillPackage(Model):
    """Skills from a git repository."""

    source: str = Field(min_length=1, description="owner/repo or an https address of a git repository.")
    skill: str | None = Field(default=None, description="One skill of the package; all when unset.")
    ref: str | None = Field(
        default=None,
        description="Branch, tag or commit of the package; a commit stays what it is. Default branch if unset.",
    )
    secret_ref: SecretReference | None = Field(default=None, description="Secret with GITHUB_TOKEN for the repository.")


class McpType(str, Enum):
    STDIO = "stdio"
    HTTP = "http"
    SSE = "sse"


class McpServer(Model):
    """A tool server of the agent."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.type != 'stdio' || (has(self.command) && self.command != '')",
                "command must be set when type is 'stdio'",
            ),
            (
                "self.type == 'stdio' || (has(self.url) && self.url != '')",
                "url must be set when type is 'http' or 'sse'",
            ),
        )
    )

    name: str = Field(min_length=1, description="Name of the server in the agent's configuration.")
    type: McpType = Field(description="stdio, http or sse.")
    command: str | None = Field(default=None, description="Program to start (stdio).")
    args: tuple[str, ...] = Field(default=(), description="Its arguments (stdio).")
    url: str | None = Field(default=None, description="Address of the server (http, sse).")
    headers: dict[str, str] = Field(default_factory=dict, description="HTTP headers (http, sse).")
    headers_from: SecretValuesSource | None = Field(
        default=None, description="Secret whose keys all become headers and win over headers."
    )
    env: UntypedEnv | None = Field(
        default=None, description="Environment (stdio): a map of strings, or a list with name and value or valueFrom."
    )
    env_from: SecretValuesSource | None = Field(
        default=None, description="Secret whose keys all become variables and win over env."
    )

    @property
    def env_entries(self) -> tuple[dict[str, Any], ...]:
        """The environment as a list of EnvVar objects, whichever way it was written; a map goes by name."""
        if isinstance(self.env, dict):
            return tuple({"name": name, "value": value} for name, value in sorted(self.env.items()))
        return tuple(entry for entry in self.env or () if isinstance(entry, dict))


class AgentConfigSpec(Model):
    """What the agent is told and what it may use."""

    agents_md: str | None = Field(default=None, description="Instructions for the agent.")
    plugins: tuple[Plugin, ...] = Field(default=(), description="Plugins written in place.")
    skills: tuple[SkillPackage, ...] = Field(default=(), description="Skills from git repositories.")
    mcp_servers: tuple[McpServer, ...] = Field(default=(), max_length=256, description="Tool servers.")


class AgentConfig(Object):
    """Instructions and tools for agents."""

    spec: AgentConfigSpec = Field(description="What the agent is told and what it may use.")
