"""What the controller says about a Task. We are its only writer, so a value we do not know counts as absent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, WithJsonSchema

from kelos.api.meta import Condition, Int32, Int64, Model
from kelos.api.reasons import Phase, Reason

_QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
Quantity = Annotated[
    str | int,
    WithJsonSchema(
        {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": _QUANTITY}
    ),
]
PhaseField = Annotated[Phase, WithJsonSchema({"type": "string"})]
ReasonField = Annotated[Reason, WithJsonSchema({"type": "string"})]


class TaskUsage(Model):
    """Tokens and money; absent when the agent did not say."""

    cost_usd: Quantity | None = Field(default=None, description="Cost in US dollars as a Kubernetes quantity.")
    cost: str | None = Field(default=None, description="Cost in US dollars as plain decimal text.")
    input_tokens: Int64 | None = Field(default=None, ge=0, description="Input tokens that came from no cache.")
    output_tokens: Int64 | None = Field(default=None, ge=0, description="Output tokens, reasoning included.")
    cache_read_tokens: Int64 | None = Field(default=None, ge=0, description="Input tokens read from a cache.")
    cache_write_tokens: Int64 | None = Field(default=None, ge=0, description="Input tokens written to a cache.")
    reasoning_tokens: Int64 | None = Field(default=None, ge=0, description="The part of the output that was reasoning.")
    model: str | None = Field(default=None, description="Model that was really used.")


class TaskAttempt(Model):
    """One pod of the Task."""

    pod_name: str = Field(default="", description="Name of the pod.")
    pod_uid: str = Field(default="", description="UID of the pod.")
    phase: PhaseField | None = Field(default=None, description="How far the attempt is.")
    reason: ReasonField | None = Field(default=None, description="Why it waits or failed.")
    fault: str = Field(default="", description="Whose fault a failure is: Infrastructure, Agent or Task.")
    message: str = Field(default="", description="One sentence for people.")
    advice: str = Field(default="", description="What to try after a failure.")
    exit_code: Int32 | None = Field(default=None, description="Exit code of the agent container.")
    start_time: datetime | None = Field(default=None, description="When the agent container started.")
    completion_time: datetime | None = Field(default=None, description="When the agent container ended.")
    usage: TaskUsage | None = Field(default=None, description="What this attempt used.")


class TaskDependency(Model):
    """What the Task keeps of a Task it depends on, so that it may be deleted."""

    name: str = Field(description="Name of the Task.")
    uid: str = Field(default="", description="UID of the Task.")
    phase: PhaseField | None = Field(default=None, description="Its phase when it was last seen.")
    outputs: tuple[str, ...] = Field(default=(), description="Its raw output lines.")
    results: dict[str, str] = Field(default_factory=dict, description="Its results by key.")


class TaskDiagnosis(Model):
    """What went wrong and what to try."""

    reason: ReasonField | None = Field(default=None, description="The finding in one word.")
    message: str = Field(default="", description="The finding in one sentence.")
    advice: str = Field(default="", description="What to try.")


class TaskStatus(Model):
    """What became of a Task."""

    observed_generation: Int64 | None = Field(default=None, description="Generation this status speaks of.")
    type: str = Field(default="", description="The agent that counts, from worker or the flat field.")
    phase: PhaseField | None = Field(default=None, description="Pending, Waiting, Running, Succeeded or Failed.")
    reason: ReasonField | None = Field(default=None, description="Why it waits, starts or failed, in one word.")
    message: str = Field(default="", description="The same in one sentence.")
    job_name: str = Field(default="", description="Name of the Job.")
    pod_name: str = Field(default="", description="Name of the newest pod.")
    start_time: datetime | None = Field(default=None, description="When the agent started.")
    completion_time: datetime | None = Field(default=None, description="When the Task ended.")
    outputs: tuple[str, ...] = Field(default=(), description="Raw output lines of the run.")
    results: dict[str, str] = Field(default_factory=dict, description="Results by key, such as branch, commit and pr.")
    usage: TaskUsage | None = Field(default=None, description="What all attempts together used.")
    attempts: tuple[TaskAttempt, ...] = Field(default=(), description="Every pod of the Task, oldest first.")
    dependencies: tuple[TaskDependency, ...] = Field(
        default=(), description="What is kept of the Tasks in dependsOn once they ended."
    )
    diagnosis: TaskDiagnosis | None = Field(default=None, description="What went wrong and what to try.")
    conditions: tuple[Condition, ...] = Field(
        default=(),
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        description="Standard conditions; Succeeded is the contract.",
    )
