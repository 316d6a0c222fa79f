"""TaskSpawner: what makes Tasks of the things it finds."""

from __future__ import annotations

from enum import Enum

from pydantic import ConfigDict, Field

from kelos.api.meta import Flag, Int32, Model, Object, SecretReference, rules
from kelos.api.polling import PollInterval, poll_seconds
from kelos.api.spawner_status import TaskSpawnerStatus
from kelos.api.task_template import TaskTemplate
from kelos.api.when import NEED_A_WORKSPACE, When
from kelos.api.worker import Credentials, CredentialsType

NAME_LIMIT = 63
_HAS_WORKER = "has(self.taskTemplate.worker)"
_HAS_CREDENTIALS = f"has(self.taskTemplate.credentials) || ({_HAS_WORKER} && has(self.taskTemplate.worker.credentials))"
_IS_OF_A_REPOSITORY = " || ".join(f"has(self.when.{kind.value})" for kind in NEED_A_WORKSPACE)
_WORKS_IN_A_POOL = "has(self.taskTemplate.workerPoolRef)"

_HAS_WORKSPACE = f"has(self.taskTemplate.workspaceRef) || ({_HAS_WORKER} && has(self.taskTemplate.worker.workspaceRef))"
_NEEDY = ", ".join(kind.value for kind in NEED_A_WORKSPACE)

_SPEC_RULES = rules(
    (
        f"!({_IS_OF_A_REPOSITORY}) || {_WORKS_IN_A_POOL} || {_HAS_WORKSPACE}",
        f"taskTemplate.workspaceRef (or worker.workspaceRef) must be set for {_NEEDY}",
    ),
    (
        f"has(self.credentials) || {_WORKS_IN_A_POOL} || {_HAS_CREDENTIALS}",
        "credentials must be set: in taskTemplate (or its worker), or as a list in spec.credentials",
    ),
    (
        f"!has(self.credentials) || !({_HAS_CREDENTIALS})",
        "spec.credentials may not be set when taskTemplate has credentials",
    ),
)


class Isolation(str, Enum):
    """Who runs a spawner."""

    SHARED = "Shared"
    DEDICATED = "Dedicated"


class PooledType(str, Enum):
    API_KEY = "api-key"
    OAUTH = "oauth"


class PooledCredentials(Model):
    """One way to sign in among several."""

    name: str = Field(
        min_length=1,
        max_length=63,
        json_schema_extra=rules(
            (
                "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
                "must be lower case letters, digits and '-', beginning and ending with a letter or digit",
            )
        ),
        description="Name; Tasks carry it as a label.",
    )
    type: PooledType = Field(description="api-key or oauth.")
    secret_ref: SecretReference = Field(description="Secret with the key or token.")

    @property
    def credentials(self) -> Credentials:
        """What a Task gets of it."""
        return Credentials(type=CredentialsType(self.type.value), secret_ref=self.secret_ref)


class RetryPolicy(Model):
    """Whether an item whose Task failed gets another one."""

    max_retries: Int32 = Field(default=0, ge=0, le=5, description="Further Tasks for an item, 0 when unset.")
    backoff_seconds: Int32 = Field(
        default=600, ge=1, description="Time from the end of a failed Task to the next one, 600 when unset."
    )


class TaskSpawnerSpec(Model):
    """Where work comes from, and what becomes of it."""

    model_config = ConfigDict(json_schema_extra=_SPEC_RULES)

    when: When = Field(description="Where work comes from: exactly one source.")
    task_template: TaskTemplate = Field(description="What the Tasks look like.")
    credentials: tuple[PooledCredentials, ...] = Field(
        default=(),
        min_length=1,
        max_length=100,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        description="Several ways to sign in, one of which each Task gets.",
    )
    max_concurrency: Int32 | None = Field(
        default=None, ge=0, description="Tasks that may be unfinished at a time; 0 or unset is no limit."
    )
    max_total_tasks: Int32 | None = Field(
        default=None, ge=0, description="Tasks that may ever be created; 0 or unset is no limit."
    )
    suspend: Flag = Field(default=False, description="Create nothing; Tasks that run are left alone.")
    poll_interval: PollInterval | None = Field(
        default=None, description="How often to look where the source does not say; its older place."
    )
    isolation: Isolation = Field(
        default=Isolation.SHARED,
        description="Shared (when unset) with other spawners, or Dedicated: a process of its own.",
    )
    retry_policy: RetryPolicy = Field(
        default_factory=RetryPolicy, description="Whether an item whose Task failed gets another one."
    )

    @property
    def concurrency_limit(self) -> int | None:
        """None is no limit."""
        return self.max_concurrency or None

    @property
    def total_limit(self) -> int | None:
        """None is no limit."""
        return self.max_total_tasks or None

    @property
    def workspace_name(self) -> str:
        return self.task_template.effective.workspace_name

    @property
    def poll_seconds(self) -> int:
        """How often to look. Raises UserError for an interval that admission refuses."""
        return poll_seconds(getattr(self.when.source, "poll_interval", None) or self.poll_interval or "")


class TaskSpawner(Object):
    """Makes Tasks of the things it finds."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                f"self.metadata.name.size() <= {NAME_LIMIT}",
                f"metadata.name must have at most {NAME_LIMIT} characters: its Tasks carry it as a label",
            )
        )
    )

    spec: TaskSpawnerSpec = Field(description="Where work comes from, and what becomes of it.")
    status: TaskSpawnerStatus = Field(default_factory=TaskSpawnerStatus, description="How it is doing.")
