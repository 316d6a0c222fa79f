"""Task: one run of one agent, as people write it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, WithJsonSchema

from kelos.api.meta import OPEN_OBJECT, Flag, Int32, Object, rules
from kelos.api.names import PROMPT_LIMIT_BYTES
from kelos.api.reasons import Retriable
from kelos.api.task_status import TaskStatus
from kelos.api.worker import (
    BASE_REF_IN_A_WORKSPACE,
    HAS_FLAT_TYPE,
    HAS_WORKER_TYPE,
    NO_WORKER_POOL,
    ONE_FORM_OF_AGENT_CONFIGS,
    WORKER_OR_FLAT,
    WorkerFields,
)

SPEC_RULES = rules(
    ("self == oldSelf", "Task spec is immutable: create a new Task instead"),
    NO_WORKER_POOL,
    (
        f"has(self.workerPoolRef) || ({HAS_WORKER_TYPE}) || (({HAS_FLAT_TYPE}) && has(self.credentials))",
        "either 'worker' with a type, or 'type' and 'credentials' must be set",
    ),
    (
        "has(self.workerPoolRef) || !has(self.worker) || has(self.worker.credentials)",
        "worker.credentials must be set when 'worker' is set",
    ),
    WORKER_OR_FLAT,
    ONE_FORM_OF_AGENT_CONFIGS,
    BASE_REF_IN_A_WORKSPACE,
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


class RunFields(WorkerFields):
    """When a run is given up, tried again and forgotten: said by a Task, or by what makes Tasks."""

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
    retry_on: tuple[Retriable, ...] = Field(
        default=(), max_length=3, description="Which of an agent's ends retries repeats, all of them when empty."
    )
    strict_template: Flag = Field(
        default=False, description="Fail when the prompt cannot be rendered, instead of sending it as it is."
    )


class TaskSpec(RunFields):
    """What is to be done, and by whom. It cannot change once the Task exists."""

    model_config = ConfigDict(json_schema_extra=SPEC_RULES)

    prompt: str = Field(
        max_length=PROMPT_LIMIT_BYTES,
        description="What the agent is asked to do; with dependsOn a Go template over the results of those Tasks.",
    )
    depends_on: tuple[str, ...] = Field(
        default=(), description="Names of Tasks in this namespace that must succeed first."
    )
    branch: str | None = Field(
        default=None, description="Git branch to work on; one Task at a time holds a branch of a repository."
    )
    base_ref: str | None = Field(
        default=None,
        description="Branch, tag or commit that a new branch starts at, and without a branch the checkout; "
        "the Workspace's ref when unset.",
    )
    upstream_repo: str | None = Field(default=None, description="owner/repo that pull requests go to.")


class Task(Object):
    """One run of one coding agent."""

    spec: TaskSpec = Field(description="What is to be done, and by whom; immutable.")
    status: TaskStatus = Field(default_factory=TaskStatus, description="What became of it.")

    @property
    def is_finished(self) -> bool:
        return self.status.phase is not None and self.status.phase.is_terminal
