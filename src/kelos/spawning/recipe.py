"""How an item becomes a Task: its name, its texts, its manifest, and what is wrong with the spawner that says so."""

from __future__ import annotations

from collections.abc import Mapping

from kelos.api.kinds import Manifest
from kelos.api.task_spawner import TaskSpawner
from kelos.api.work_item import WorkItem
from kelos.api.workspace import Workspace
from kelos.spawning.making.names import task_name
from kelos.spawning.making.rendering import build_spawned_task
from kelos.spawning.validity import check_task_spawner


class TaskRecipe:
    """All of it in one hand, for an engine that is handed it."""

    def name(self, spawner: TaskSpawner, item: WorkItem, *, is_first: bool, attempt: int) -> str:
        """See `task_name`."""
        return task_name(spawner, item, is_first=is_first, attempt=attempt)

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
        """See `build_spawned_task`."""
        return build_spawned_task(spawner, workspace, item, name=name, context=context, chance=chance)

    def problems(self, spawner: TaskSpawner) -> tuple[str, ...]:
        """See `check_task_spawner`."""
        return check_task_spawner(spawner)
