"""Everything a decision about one TaskSpawner may look at: one photograph per pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property

from kelos.api.kinds import Manifest
from kelos.api.task_spawner import TaskSpawner
from kelos.api.work_item import Sighting, WorkItem
from kelos.spawning.ledger.entry import Claim, Entry
from kelos.spawning.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnedTask:
    """A Task of the spawner. `key` is the item it was made for, empty for one that a person made; `trigger` the comment
    or review that asked for it, as far as the Task says so.

    `is_unnoted`: it carries the finalizer that keeps it until the ledger knows it.
    """

    name: str
    uid: str
    key: str = ""
    trigger: str = ""
    created_at: str = ""
    is_finished: bool = False
    has_failed: bool = False
    ended_at: datetime | None = None
    is_unnoted: bool = False
    is_being_deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A closer look at an item: in which state it was, how often that was read, when last and after which listing."""

    revision: str
    reads: int
    at: datetime
    listing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An item that could not become a Task; without a message it only waits. `is_refused`: its claim is given back."""

    message: str
    until: datetime
    count: int = 1
    is_refused: bool = False


class Why(Enum):
    """Why an item is read closely."""

    NEW = "new"
    ASKED_AGAIN = "asked again"
    FAILED = "failed"
    CLAIMED = "claimed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An item to read. `entry` is its last Task, `claim` the one that was to be made when a process died."""

    sighting: Sighting
    why: Why
    entry: Entry | None = None
    claim: Claim | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """An item that becomes a Task. `is_new`: the ledger does not say so yet."""

    claim: Claim
    item: WorkItem
    is_new: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """How the looks of this spawner went. `number` counts those that succeeded, the last one found `sightings`."""

    number: int = 0
    sightings: tuple[Sighting, ...] | None = None
    is_complete: bool = True
    note: str = ""
    looked_at: datetime | None = None
    failures: int = 0
    problem: str = ""
    is_for_people: bool = False
    """Whether only a person can mend the problem."""


@dataclass(frozen=True, kw_only=True)
class SpawnerView:
    """`tasks` are the spawner's own. `absent` names Tasks that were claimed and, by a fresh look, are not there.

    `problem` is what keeps the whole spawner from working, whatever its source says.
    `looked` and `troubles` are this process's own memory of items; forgetting it costs reads, nothing else.
    """

    spawner: TaskSpawner
    status: Manifest
    now: datetime
    ledger: Ledger
    tasks: tuple[SpawnedTask, ...] = ()
    absent: frozenset[str] = frozenset()
    discovery: Discovery = field(default_factory=Discovery)
    looked: Mapping[str, Look] = field(default_factory=dict)
    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    problem: str = ""
    problem_reason: str = "InvalidSpec"

    @cached_property
    def newest(self) -> Mapping[str, SpawnedTask]:
        """The newest Task of each item; an unfinished one counts as newer than any finished one."""
        in_order = sorted(self.tasks, key=lambda task: (not task.is_finished, task.created_at, task.name))
        return {task.key: task for task in in_order if task.key}

    @cached_property
    def by_name(self) -> Mapping[str, SpawnedTask]:
        return {task.name: task for task in self.tasks}

    @property
    def unfinished(self) -> int:
        return sum(not task.is_finished for task in self.tasks)

    def may_forget(self, key: str) -> bool:
        """Whether the ledger may lose an item when it is full: by a look it is nowhere to be seen any more."""
        return self.is_gone(key) and key not in self.newest

    def is_gone(self, key: str) -> bool:
        """Whether the source was looked at and does not list the item; before the first look nothing is."""
        return self.discovery.sightings is not None and key not in self._sighted

    @cached_property
    def _sighted(self) -> frozenset[str]:
        return frozenset(sighting.key for sighting in self.discovery.sightings or ())

    def is_settled(self, sighting: Sighting, entry: Entry | None) -> bool:
        """Whether another close look would tell nothing new. A change may be shown late, so it is read once more."""
        look = self.looked.get(sighting.key)
        if look is not None and look.revision == sighting.revision:
            if look.listing == self.discovery.number:
                return True
            return look.reads >= READS and self.now - look.at < RELOOK_AFTER
        return look is None and entry is not None and entry.revision == sighting.revision


READS = 2
RELOOK_AFTER = timedelta(hours=1)
"""Who may ask for Tasks can change without a trace at the item."""
