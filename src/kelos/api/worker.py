"""Who does the work: the agent, its credentials and its environment, in the two places where a Task may say so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from pydantic import ConfigDict, Field

from kelos.api.meta import (
    AgentConfigReference,
    Model,
    SecretReference,
    WorkerPoolReference,
    WorkspaceReference,
    rules,
)
from kelos.api.pod_overrides import PodOverrides

HAS_WORKER_TYPE = "has(self.worker) && has(self.worker.type) && self.worker.type != ''"
HAS_FLAT_TYPE = "has(self.type) && self.type != ''"
NO_WORKER_POOL = (
    "!has(self.workerPoolRef)",
    "workerPoolRef may not be set: worker pools are not supported here, use 'worker' or 'type' and 'credentials'",
)
WORKER_OR_FLAT = (
    f"!has(self.worker) || (!({HAS_FLAT_TYPE}) && !has(self.credentials))",
    "'type' and 'credentials' may not be set when 'worker' is set",
)
_HAS_WORKSPACE = "has(self.workspaceRef) || (has(self.worker) && has(self.worker.workspaceRef))"
BASE_REF_IN_A_WORKSPACE = (
    f"!has(self.baseRef) || self.baseRef == '' || {_HAS_WORKSPACE}",
    "baseRef may not be set without a Workspace: set 'workspaceRef'",
)
ONE_FORM_OF_AGENT_CONFIGS = (
    "!has(self.agentConfigRef) || !has(self.agentConfigRefs)",
    "agentConfigRef may not be set when 'agentConfigRefs' is set",
)


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


class WorkerFields(Model):
    """The two places, which a Task and the template of a TaskSpawner have alike: `worker`, and the flat fields."""

    worker: WorkerSpec | None = Field(default=None, description="The agent and its environment; wins field by field.")
    worker_pool_ref: WorkerPoolReference | None = Field(default=None, description="Not supported; refused.")
    type: AgentType | None = Field(default=None, description="Which agent runs; see worker.type.")
    credentials: Credentials | None = Field(default=None, description="How the agent signs in; see worker.credentials.")
    model: str | None = Field(default=None, description="Model to use; see worker.model.")
    effort: str | None = Field(default=None, description="Reasoning effort; see worker.effort.")
    image: str | None = Field(default=None, description="Container image; see worker.image.")
    workspace_ref: WorkspaceReference | None = Field(default=None, description="Repository to work in.")
    agent_config_ref: AgentConfigReference | None = Field(
        default=None, description="One AgentConfig; the older form of agentConfigRefs."
    )
    agent_config_refs: tuple[AgentConfigReference, ...] = Field(
        default=(), min_length=1, description="Instructions, plugins and MCP servers; later ones win."
    )
    pod_overrides: PodOverrides | None = Field(default=None, description="Changes to the pod.")

    @cached_property
    def effective(self) -> Worker:
        """Every doubled field once: `worker` when it says something, else the flat field."""
        worker = self.worker or WorkerSpec()
        workspace = worker.workspace_ref or self.workspace_ref
        return Worker(
            agent_type=worker.type or self.type or None,
            credentials=worker.credentials or self.credentials,
            model=worker.model or self.model or "",
            effort=worker.effort or self.effort or "",
            image=worker.image or self.image or "",
            workspace_name=workspace.name if workspace else "",
            agent_config_names=tuple(ref.name for ref in worker.agent_config_refs or self._flat_agent_configs),
            pod_overrides=worker.pod_overrides or self.pod_overrides or PodOverrides(),
        )

    @property
    def _flat_agent_configs(self) -> tuple[AgentConfigReference, ...]:
        return self.agent_config_refs or ((self.agent_config_ref,) if self.agent_config_ref else ())
