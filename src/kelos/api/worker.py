"""Who does the work: the agent, its credentials and its environment, in the two places where a Task may say so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pydantic import ConfigDict, Field

from kelos.api.meta import AgentConfigReference, Model, SecretReference, WorkspaceReference, rules
from kelos.api.pod_overrides import PodOverrides


class AgentType(str, Enum):
    """The agents we know. The empty word means "not said here"."""

    CLAUDE_CODE = "claude-code"
    CODEX = "codex"
    GEMINI = "gemini"
    OPENCODE = "opencode"
    CURSOR = "cursor"
    DEMO = "demo"
    UNSET = ""


class CredentialsType(str, Enum):
    API_KEY = "api-key"
    OAUTH = "oauth"
    NONE = "none"


class Credentials(Model):
    """How the agent signs in at its model provider."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("self.type == 'none' || has(self.secretRef)", "secretRef must be set unless type is 'none'")
        )
    )

    type: CredentialsType = Field(description="api-key, oauth, or none.")
    secret_ref: SecretReference | None = Field(
        default=None, description="Secret with the key or token; required unless type is none."
    )


class WorkerSpec(Model):
    """The agent and the environment it runs in."""

    type: AgentType | None = Field(default=None, description="Which agent runs.")
    credentials: Credentials | None = Field(default=None, description="How the agent signs in.")
    model: str | None = Field(default=None, description="Model to use instead of the agent's default.")
    effort: str | None = Field(default=None, description="Reasoning effort, in the agent's own words.")
    image: str | None = Field(default=None, description="Container image to use instead of the agent's own.")
    workspace_ref: WorkspaceReference | None = Field(default=None, description="Repository to work in.")
    agent_config_refs: tuple[AgentConfigReference, ...] = Field(
        default=(), min_length=1, description="Instructions, plugins and MCP servers; later ones win."
    )
    pod_overrides: PodOverrides | None = Field(default=None, description="Changes to the pod.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What counts, after `worker` and the flat fields of a Task were laid over each other."""

    agent_type: AgentType | None
    credentials: Credentials | None
    model: str
    effort: str
    image: str
    workspace_name: str
    agent_config_names: tuple[str, ...]
    pod_overrides: PodOverrides
