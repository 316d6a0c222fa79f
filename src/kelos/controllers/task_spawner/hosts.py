"""Give Dedicated TaskSpawners a process of their own, and take it away again. This process leaves them to it then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from kelos.api.kinds import Kind, Manifest
from kelos.api.task_spawner import TaskSpawner
from kelos.api.workspace import Workspace
from kelos.apply import Refused, Systems, Taken, apply
from kelos.controllers.reading import find
from kelos.controllers.task_caches import Key
from kelos.errors import Forbidden, Invalid
from kelos.plan import Plan, SetStatus
from kelos.settings import Settings
from kelos.spawning.hosting.host import STATUS_FIELDS, host_kind, host_name
from kelos.spawning.hosting.plan import KINDS, OTHER, Wish, build_host, form_of, host, take_away
from kelos.spawning.hosting.status import (
    is_hosted,
    set_handed_over,
    set_host_failed,
    set_hosted,
    set_unhostable,
    set_without_host,
)
from kelos.spawning.view import SpawnerView

CONFIRMED_SECONDS = 300.0
"""What was found as it should be is believed to be so for a while: passes come with every Task."""
FAILED_LOOK_SECONDS = 60.0
RIGHTS_ARE_MISSING = (
    "install the controller with the rights that Dedicated spawners need (--dedicated-spawners), "
    "or set isolation: Shared"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Another process looks after the spawner, or nobody can; when to look again at that."""

    again_in_seconds: float | None = None


class Places(Protocol):
    """Which spawners this process looks after."""

    @property
    def keeps_all(self) -> bool:
        """Whether spawners at rest, their last words and what they leave behind are its business."""
        ...

    def minds(self, spawner: TaskSpawner) -> bool: ...

    async def settle(self, view: SpawnerView, workspace: Workspace | None) -> Elsewhere | None:
        """None when its source is to be looked at here."""
        ...

    def forget(self, key: Key) -> None: ...


class OwnPlace:
    """The place of the process that a Dedicated spawner has for itself: it works, or does nothing at all."""

    keeps_all = False

    def minds(self, spawner: TaskSpawner) -> bool:
        return host_kind(spawner) is not None and not spawner.spec.suspend and not spawner.is_being_deleted

    async def settle(self, view: SpawnerView, workspace: Workspace | None) -> Elsewhere | None:
        return None

    def forget(self, key: Key) -> None: ...


class Problem(Exception):
    """Why a spawner has no process, for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(kw_only=True)
class Hosts:
    """The place of the process that all others share."""

    systems: Systems
    settings: Settings
    keeps_all: bool = True
    _confirmed: dict[Key, tuple[str, float]] = field(default_factory=dict)

    def minds(self, spawner: TaskSpawner) -> bool:
        return True

    async def settle(self, view: SpawnerView, workspace: Workspace | None) -> Elsewhere | None:
        """See Places."""
        kind = host_kind(view.spawner)
        if kind is None:
            return await self._take_away(view) if is_hosted(view.status) else None
        if self.settings.spawner_image is None:
            return await self._say(set_unhostable(view))
        if view.problem:
            return None
        if told := await self._say(set_handed_over(view, kind, host_name(view.spawner))):
            return told
        try:
            await self._provide(view, workspace)
        except Problem as problem:
            told = await self._say(set_host_failed(view, problem.reason, str(problem)))
            return told or Elsewhere(again_in_seconds=FAILED_LOOK_SECONDS)
        told = await self._say(set_hosted(view, kind, host_name(view.spawner)))
        return told or (None if view.spawner.spec.suspend else Elsewhere())

    def forget(self, key: Key) -> None:
        """The spawner is gone, and its objects with it."""
        self._confirmed.pop(key, None)

    async def _provide(self, view: SpawnerView, workspace: Workspace | None) -> None:
        """Raises Problem."""
        spawner, monotonic = view.spawner, self.systems.monotonic
        wanted = build_host(spawner, workspace, self.settings)
        key, form = (spawner.meta.namespace, spawner.meta.name), form_of(wanted)
        before, at = self._confirmed.pop(key, ("", 0.0))
        if before == form and monotonic() - at < CONFIRMED_SECONDS:
            self._confirmed[key] = before, at
            return
        try:
            hosting = host(spawner, wanted, await self._find(spawner, _looked_for(view, wanted)))
            if hosting.foreign is not None:
                raise Taken(hosting.foreign, host_name(spawner))
            await apply(Plan(steps=hosting.steps), self.systems)
        except Taken as taken:
            raise Problem("NameTaken", f"{taken}; it is left alone: rename or delete it") from taken
        except Refused as refused:
            raise _problem(refused.answer, str(refused)) from refused
        except (Forbidden, Invalid) as answer:
            raise _problem(answer, str(answer)) from answer
        self._confirmed[key] = form, monotonic()

    async def _take_away(self, view: SpawnerView) -> Elsewhere | None:
        """Everything of ours, and only then the word of it."""
        spawner = view.spawner
        self.forget((spawner.meta.namespace, spawner.meta.name))
        try:
            await apply(Plan(steps=take_away(spawner, await self._find(spawner, KINDS))), self.systems)
        except Forbidden:
            if any(view.status.get(name) for name in STATUS_FIELDS.values()):
                raise
        return await self._say(set_without_host(view))

    async def _find(self, spawner: TaskSpawner, kinds: Iterable[Kind]) -> dict[Kind, Manifest]:
        meta, name = spawner.meta, host_name(spawner)
        found = {kind: await find(self.systems.cluster, kind, meta.namespace, name) for kind in kinds}
        return {kind: there for kind, there in found.items() if there is not None}

    async def _say(self, step: SetStatus | None) -> Elsewhere | None:
        """After a write the spawner has to be looked at anew."""
        if step is None:
            return None
        await apply(Plan(steps=(step,)), self.systems)
        return Elsewhere(again_in_seconds=0.0)


def _looked_for(view: SpawnerView, wanted: Iterable[Wish]) -> list[Kind]:
    """The kinds that are wanted, and the workload that was."""
    kinds = [kind for kind, _ in wanted]
    return kinds + [other for kind in kinds if (other := OTHER.get(kind)) and view.status.get(STATUS_FIELDS[other])]


def _problem(answer: Forbidden | Invalid, message: str) -> Problem:
    if isinstance(answer, Forbidden):
        return Problem("NotAllowed", f"{message}; {RIGHTS_ARE_MISSING}")
    return Problem("Refused", message)
