"""What an engine is handed: where work comes from, and how a Task is made of it. Small, so that tests can play them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kelos.api.kinds import Manifest
from kelos.api.task_spawner import TaskSpawner
from kelos.api.work_item import WorkItem
from kelos.api.workspace import Workspace
from kelos.sources.cron import Schedule
from kelos.sources.protocol import Source


class Sources(Protocol):
    """Builds the source of a TaskSpawner, reading credentials as they are now."""

    async def of(self, spawner: TaskSpawner, workspace: Workspace | None, schedule: Schedule) -> Source:
        """Raises UserError when something is missing or wrong."""
        ...

    async def context(self, spawner: TaskSpawner, item: WorkItem) -> Mapping[str, str]:
        """What the template's context sources say of an item. Raises UserError and RemoteError."""
        ...


class Recipe(Protocol):
    """How an item becomes a Task. Both raise UserError when the item and the template do not agree."""

    def name(self, spawner: TaskSpawner, item: WorkItem, *, is_first: bool, attempt: int) -> str: ...

    def build(
        self,
        spawner: TaskSpawner,
        workspace: Workspace | None,
        item: WorkItem,
        *,
        name: str,
        context: Mapping[str, str],
        chance: float,
    ) -> Manifest:
        """`chance`, from 0 to 1, picks one of several credentials."""
        ...

    def problems(self, spawner: TaskSpawner) -> tuple[str, ...]:
        """What no schema could see in the TaskSpawner, in sentences."""
        ...


class Tally(Protocol):
    """Who counts looks and Tasks."""

    def looked(self, items: int, seconds: float) -> None: ...

    def look_failed(self, seconds: float) -> None: ...

    def created(self) -> None: ...
