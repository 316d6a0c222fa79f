"""Task: one run of one agent, as people write it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, WithJsonSchema

from kelos.api.meta import (
    OPEN_OBJECT,
    AgentConfigReference,
    Flag,
    Int32,
    Model,
    Object,
    WorkerPoolReference,
    WorkspaceReference,
    rules,
)
from kelos.api.names import PROMPT_LIMIT_BYTES
from kelos.api.pod_overrides import PodOverrides
from kelos.api.task_status import TaskStatus
from kelos.api.worker import AgentType, Credentials, Worker, WorkerSpec

_HAS_WORKER_TYPE = "has(self.worker) && has(self.worker.type) && self.worker.type != ''"
_HAS_FLAT_TYPE = "has(self.type) && self.type != ''"

SPEC_RULES = rules(
    ("self == oldSelf", "Task spec is immutable: create a new Task instead"),
    (
        "!has(self.workerPoolRef)",
        "workerPoolRef may not be set: worker pools are not supported here, use 'worker' or 'type' and 'credentials'",
    ),
    (
        f"has(self.workerPoolRef) || ({_HAS_WORKER_TYPE}) || (({_HAS_FLAT_TYPE}) && has(self.credentials))",
        "either 'worker' with a type, or 'type' and 'credentials' must be set",
    ),
    (
        "has(self.workerPoolRef) || !has(self.worker) || has(self.worker.credentials)",
        "worker.credentials must be set when 'worker' is set",
    ),
    (
        f"!has(self.worker) || (!({_HAS_FLAT_TYPE}) && !has(self.credentials))",
        "'type' and 'credentials' may not be set when 'worker' is set",
    ),
    (
        "!has(self.agentConfigRef) || !has(self.agentConfigRefs)",
        "agentConfigRef may not be set when 'agentConfigRefs' is set",
    ),
)

_FAILURE_RULE = {**OPEN_OBJECT, "properties": {"action": {"type": "string", "maxLength": 64}}}
PodFailurePolicy = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            **OPEN_OBJECT,
            "properties": {"rules": {"type": "array", "maxItems": 20, "items": _FAILURE_RULE}},
            **rules(
                (
                    "!has(self.rules) || self.rules.all(r, !has(r.action) || r.action != 'FailIndex')",
                    "podFailurePolicy rules must not use action 'FailIndex': a Task is not an indexed Job",
                )
            ),
        }
    ),
]


class TaskSpec(Model):
    """What is to be done, and by whom. It cannot change once the Task exists."""

    model_config = ConfigDict(json_schema_extra=SPEC_RULES)

    prompt: str = Field(
        max_length=PROMPT_LIMIT_BYTES,
        description="What the agent is asked to do; with dependsOn a Go template over the results of those Tasks.",
    )
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
    depends_on: tuple[str, ...] = Field(
        default=(), description="Names of Tasks in this namespace that must succeed first."
    )
    branch: str | None = Field(
        default=None, description="Git branch to work on; one Task at a time holds a branch of a repository."
    )
    upstream_repo: str | None = Field(default=None, description="owner/repo that pull requests go to.")
    ttl_seconds_after_finished: Int32 | None = Field(
        default=None, ge=0, description="Delete the Task this long after its end; unset keeps it."
    )
    pod_failure_policy: PodFailurePolicy | None = Field(
        default=None, description="Replaces the Job's failure policy (batch/v1 PodFailurePolicy)."
    )
    timeout_seconds: Int32 | None = Field(
        default=None, ge=1, description="Limit of the agent's run in seconds, clone and waiting not included."
    )
    start_timeout_seconds: Int32 = Field(
        default=600,
        ge=1,
        description="Limit for passing problems and the pod's start, 600 when unset. "
        "Waiting for other Tasks, the branch or a free place does not count.",
    )
    retries: Int32 = Field(default=0, ge=0, le=5, description="New attempts after an agent's error, 0 when unset.")
    strict_template: Flag = Field(
        default=False, description="Fail when the prompt cannot be rendered, instead of sending it as it is."
    )

    @property
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


class Task(Object):
    """One run of one coding agent."""

    spec: TaskSpec = Field(description="What is to be done, and by whom; immutable.")
    status: TaskStatus = Field(default_factory=TaskStatus, description="What became of it.")

    @property
    def is_finished(self) -> bool:
        return self.status.phase is not None and self.status.phase.is_terminal
