"""TaskRecord: what one finished Task used, kept when the Task is gone."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from pydantic import ConfigDict, Field

from kelos.api.meta import Int32, Model, Object, rules
from kelos.api.task_status import ReasonField, TaskUsage
from kelos.api.worker import AgentType

TEXT_LIMIT = 500


class RecordPhase(str, Enum):
    """How the Task ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class TaskReference(Model):
    """The Task, which may be gone."""

    name: str = Field(min_length=1, max_length=253, description="Name of the Task.")
    uid: str = Field(default="", max_length=64, description="UID of the Task.")


class TaskRecordSpec(Model):
    """One line of the bill."""

    model_config = ConfigDict(
        json_schema_extra=rules(("self == oldSelf", "TaskRecord spec is immutable: what was used stays used"))
    )

    task_ref: TaskReference = Field(description="Whose record this is.")
    phase: RecordPhase = Field(description="How the Task ended: Succeeded or Failed.")
    reason: ReasonField | None = Field(default=None, description="Why it failed, in one word.")
    type: AgentType | None = Field(default=None, description="Which agent ran.")
    model: str | None = Field(default=None, description="Model that was used; the wanted one if the agent named none.")
    start_time: datetime | None = Field(default=None, description="When the first agent started.")
    completion_time: datetime = Field(description="When the Task ended.")
    attempts: Int32 | None = Field(default=None, ge=1, description="How many pods ran for it.")
    usage: TaskUsage | None = Field(default=None, description="What all attempts together used.")
    triggered_by: str | None = Field(
        default=None, max_length=TEXT_LIMIT, description="Person, workflow run, spawner item or schedule behind it."
    )
    workspace: str | None = Field(default=None, max_length=253, description="Name of the Workspace.")
    branch: str | None = Field(default=None, max_length=TEXT_LIMIT, description="Branch that was worked on.")
    commit: str | None = Field(default=None, max_length=64, description="Commit at the end.")
    pull_requests: tuple[str, ...] = Field(
        default=(), max_length=20, description="Addresses of the pull requests of that branch."
    )
    ttl_seconds_after_completion: Int32 | None = Field(
        default=None, ge=0, description="Accepted for records that have it; nothing is deleted by it here."
    )


class TaskRecord(Object):
    """What one finished Task used; named by the Task's UID, and kept when the Task is gone."""

    spec: TaskRecordSpec = Field(description="One line of the bill; immutable.")
