"""What is said about a TaskSpawner. The engine is the only writer, so a value we do not know counts as absent."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated

from pydantic import Field, WithJsonSchema

from kelos.api.meta import Condition, Int64, Model


class SpawnerPhase(str, Enum):
    """The column people read."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    FAILED = "Failed"


class SpawnerCondition(str, Enum):
    """The contract. TaskBudgetExhausted is the older name of MaxTotalTasksReached and says the same.

    Hosted is there for a Dedicated spawner only: whether it has a process of its own.
    """

    READY = "Ready"
    DISCOVERED = "Discovered"
    SUSPENDED = "Suspended"
    MAX_TOTAL_TASKS_REACHED = "MaxTotalTasksReached"
    TASK_BUDGET_EXHAUSTED = "TaskBudgetExhausted"
    DISCOVERY_ERROR = "DiscoveryError"
    HOSTED = "Hosted"


PhaseField = Annotated[SpawnerPhase, WithJsonSchema({"type": "string"})]


class TaskSpawnerStatus(Model):
    """How a TaskSpawner is doing."""

    observed_generation: Int64 | None = Field(default=None, description="Generation this status speaks of.")
    phase: PhaseField | None = Field(default=None, description="Pending, Running, Suspended or Failed.")
    message: str = Field(default="", description="The same in one sentence.")
    deployment_name: str = Field(default="", description="Deployment of a Dedicated spawner that polls.")
    cron_job_name: str = Field(default="", description="CronJob of a Dedicated spawner with a schedule.")
    total_discovered: Int64 | None = Field(default=None, ge=0, description="Items that the last look found.")
    total_tasks_created: Int64 | None = Field(default=None, ge=0, description="Tasks that were ever created.")
    active_tasks: Int64 | None = Field(default=None, ge=0, description="Its Tasks that have not ended.")
    last_discovery_time: datetime | None = Field(default=None, description="When a look last succeeded.")
    conditions: tuple[Condition, ...] = Field(
        default=(),
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        description="Standard conditions; Ready is the contract.",
    )
