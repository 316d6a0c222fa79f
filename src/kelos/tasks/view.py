"""Everything a decision about one Task may look at: one photograph per pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from kelos.api.agent_config import AgentConfig
from kelos.api.kinds import Manifest
from kelos.api.reasons import Phase
from kelos.api.task import Task
from kelos.api.workspace import Workspace
from kelos.settings import Settings
from kelos.tasks.evidence.facts import Complaint, JobFacts, PodFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """Another Task this one waits for. `phase` is None while it was never visited."""

    name: str
    uid: str
    phase: Phase | None = None
    reason: str = ""
    depends_on: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    results: Mapping[str, str] = field(default_factory=dict)


class Scope(str, Enum):
    """What a lock keeps for one Task at a time."""

    WORKSPACE = "workspace"
    BRANCH = "branch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock as it stands. `name` is that of the Workspace or branch, `label` the hash that identifies it,
    `holder` a Task's name when somebody has it."""

    scope: Scope = Scope.BRANCH
    name: str = ""
    label: str
    lease: Manifest | None = None
    holder: str = ""
    holder_uid: str = ""
    holder_is_over: bool = False
    pods_of_others: tuple[str, ...] = ()
    ahead: str = ""

    @property
    def lease_name(self) -> str:
        return f"kelos-{self.scope.value}-{self.label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The Task's own Secret with an installation token. Times are None when they are not written or make no sense."""

    owner_uid: str = ""
    repository: str = ""
    minted_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The TaskSpawner of a Task that needs its leave to start. `ahead` are unfinished Tasks of it that come first."""

    spawner: str
    is_suspended: bool = False
    limit: int | None = None
    ahead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The PersistentVolumeClaim of a persistent Workspace."""

    is_being_deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """`secrets` maps each Secret the Task needs to its key names, or None when it does not exist. Values stay away.
    `config_maps` does the same for ConfigMaps.

    `graph` maps Task names of the namespace to what they depend on, as far as they can be reached from this Task.
    `dependents` are unfinished Tasks that still have to learn this one's results.
    `client_silence_seconds` is how long the client lease has not moved, as this controller saw it.
    `pods` may be of more than one Job. `strays` have the Task's label, and no Job of it made them.
    `locks` are those the Task needs, in the order they are taken; `held` the Leases of ours, needed by now or not.
    `admission` is None for a Task that needs no leave, also because its TaskSpawner is gone.
    `claim` and `token` were looked for only when the Task needs them.
    `complaints` are warnings of Kubernetes about a pod that does not start, or is not even made; newest first.
    `problems` says which objects the Task refers to could not be read, in sentences.
    """

    task: Task
    status: Manifest
    now: datetime
    settings: Settings = field(default_factory=Settings)
    job: JobFacts | None = None
    pods: tuple[PodFacts, ...] = ()
    strays: tuple[PodFacts, ...] = ()
    logs: Mapping[str, str] = field(default_factory=dict)
    workspace: Workspace | None = None
    agent_configs: Mapping[str, AgentConfig | None] = field(default_factory=dict)
    secrets: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    config_maps: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    dependencies: Mapping[str, Dependency | None] = field(default_factory=dict)
    graph: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dependents: tuple[str, ...] = ()
    locks: tuple[Lock, ...] = ()
    admission: Admission | None = None
    claim: Claim | None = None
    token: Token | None = None
    held: tuple[Manifest, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    client_silence_seconds: float | None = None
    problems: tuple[str, ...] = ()

    @property
    def owns_job(self) -> bool:
        return self.job is not None and self.job.owner_uid == self.task.meta.uid

    @property
    def has_second_job(self) -> bool:
        """Whether its pods tell of another Job: one was deleted, and a request to make it arrived after that."""
        others = (pod.job_uid for pod in self.pods if pod.job_uid)
        return self.job is not None and self.owns_job and any(uid != self.job.uid for uid in others)

    @property
    def phase(self) -> Phase | None:
        return self.task.status.phase
