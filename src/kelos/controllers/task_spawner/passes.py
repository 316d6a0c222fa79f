"""One pass over one TaskSpawner: keep its books, look at its source when it is time, make Tasks, say how it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from kelos.api.codec import parse_task_spawner, parse_workspace
from kelos.api.kinds import TASK_SPAWNER, Manifest
from kelos.api.task_spawner import TaskSpawner
from kelos.api.workspace import Workspace
from kelos.apply import apply
from kelos.cluster.protocol import Cluster
from kelos.cluster.watch import Cache
from kelos.controllers.input_watch import InputWatches
from kelos.controllers.reading import find
from kelos.controllers.task_caches import Key
from kelos.controllers.task_spawner.hosts import Places
from kelos.controllers.task_spawner.ledgers import Ledgers
from kelos.controllers.task_spawner.maker import Maker
from kelos.controllers.task_spawner.memory import Memory
from kelos.controllers.task_spawner.observer import Observer, owner_of
from kelos.controllers.task_spawner.scout import Scout
from kelos.errors import RemoteError, UserError
from kelos.plan import Plan, SetStatus, Step
from kelos.sources.cron import Schedule
from kelos.sources.shelf import Shelf
from kelos.spawning.choose import to_read
from kelos.spawning.cron import first_watermark, tick_of_key
from kelos.spawning.housekeeping import first_entries, housekeeping, leave_alone, without_spawner
from kelos.spawning.ledger.ledger import Owner
from kelos.spawning.ledger.writing import first_head, record
from kelos.spawning.moments import next_moment, owed
from kelos.spawning.status import set_status, set_unusable
from kelos.spawning.view import SpawnerView

SPREAD_SECONDS = 0.02
"""First looks after a start are spread over so much time for each spawner that there is."""
DAMAGED_LOOK_SECONDS = 60.0
STALE_LOOK_SECONDS = 1.0
SOON_SECONDS = 0.05
"""After a pass that wrote something: the watches shall have told of it."""


@dataclass(kw_only=True)
class Passes:
    """Remembers each spawner's schedule, and nothing that cannot be found anew."""

    cluster: Cluster
    spawners: Cache
    workspaces: Cache
    observer: Observer
    ledgers: Ledgers
    scout: Scout
    maker: Maker
    missing: InputWatches
    places: Places
    shelf: Shelf
    _memories: dict[Key, Memory] = field(default_factory=dict)

    async def reconcile(self, key: Key) -> float | None:
        """In how many seconds to look again."""
        manifest = self.spawners.get(*key)
        if manifest is None:
            return await self._gone(key)
        if "deletionTimestamp" in manifest["metadata"]:
            await self._go(key, manifest)
            return None
        try:
            spawner = parse_task_spawner(manifest)
            spawner.spec.when.kind  # noqa: B018 - refuses what admission would have refused
        except UserError as error:
            await self._say(set_unusable(manifest, "InvalidSpec", str(error), self.maker.now()))
            return None
        if not self.places.minds(spawner):
            return None
        if self.places.keeps_all:
            await self._free_orphans(key, spawner.meta.uid)
        return await self._pass(key, spawner, manifest)

    def look_soon(self, key: Key) -> None:
        """Something that a source needs has changed."""
        if (memory := self._memories.get(key)) is not None:
            memory.due_at = self.scout.monotonic()

    async def _pass(self, key: Key, spawner: TaskSpawner, manifest: Manifest) -> float | None:
        memory = self._memory(key, spawner)
        status = manifest.get("status") or {}
        try:
            view = await self.observer.observe(spawner, status, memory)
        except UserError as error:
            await self._say(set_unusable(manifest, "LedgerDamaged", str(error), self.maker.now()))
            return DAMAGED_LOOK_SECONDS
        if view is None:
            owner = owner_of(spawner)
            entries = first_entries(owner.name, self.observer.own_tasks(owner))
            created = spawner.status.total_tasks_created or 0
            await self._do((first_head(owner, entries, created=created, watermark=first_watermark(spawner)),))
            return SOON_SECONDS
        chores = housekeeping(view)
        if chores:
            changes = record(view.ledger, chores.changes, may_forget=view.may_forget) if chores.changes else ()
            await self._do((*changes, *chores.after))
            return SOON_SECONDS
        return await self._work(view, memory)

    async def _work(self, view: SpawnerView, memory: Memory) -> float | None:
        spec, again = view.spawner.spec, None
        if problems := self.maker.recipe.problems(view.spawner):
            view = replace(view, problem="; ".join(problems))
        if (elsewhere := await self.places.settle(view, self._find_workspace(view.spawner))) is not None:
            self.missing.expect((view.spawner.meta.namespace, view.spawner.meta.name), ())
            return elsewhere.again_in_seconds
        is_at_rest = spec.suspend or bool(view.problem) or spec.when.kind.is_pushed
        if not is_at_rest:
            again = await self._look_and_make(view, memory)
            view = replace(view, discovery=memory.discovery)
        key = (view.spawner.meta.namespace, view.spawner.meta.name)
        self.missing.expect(key, self._awaited(view) if memory.discovery.is_for_people else ())
        if is_at_rest and not self.places.keeps_all:
            return None
        if is_at_rest or view.discovery.sightings is not None or view.discovery.problem:
            await self._say(set_status(view))
        if is_at_rest:
            return None
        moments = [again, memory.due_at - self.scout.monotonic(), next_moment(view)]
        return min(seconds for seconds in moments if seconds is not None)

    async def _look_and_make(self, view: SpawnerView, memory: Memory) -> float | None:
        """Look when it is time, a schedule in every pass: that costs nothing; then make what there is room for."""
        spawner, source = view.spawner, None
        schedule = Schedule(now=view.now, since=_since(view), owed=owed(view))
        try:
            workspace = self._workspace(spawner)
            if self.scout.is_due(memory) or spawner.spec.when.cron is not None:
                source = await self.scout.look(spawner, self.maker.sources.of(spawner, workspace, schedule), memory)
                self._make_room(spawner, memory)
                view = replace(view, discovery=memory.discovery)
            wanted = to_read(view) if not memory.discovery.problem else ()
            if not wanted:
                return None
            if source is None:
                source = await self.maker.sources.of(spawner, workspace, schedule)
            return await self.maker.make(view, wanted, source, workspace, memory)
        except (UserError, RemoteError) as error:
            self.scout.failed(spawner, error, memory)
            return None

    def _workspace(self, spawner: TaskSpawner) -> Workspace | None:
        """Raises UserError when it is named and not there, or makes no sense."""
        name = spawner.spec.workspace_name
        if not name:
            return None
        manifest = self.workspaces.get(spawner.meta.namespace, name)
        if manifest is None:
            raise UserError(
                f"Workspace '{name}' does not exist in namespace '{spawner.meta.namespace}'; "
                "create it or correct the name"
            )
        return parse_workspace(manifest)

    def _find_workspace(self, spawner: TaskSpawner) -> Workspace | None:
        """None also when it makes no sense."""
        try:
            return self._workspace(spawner)
        except UserError:
            return None

    def _awaited(self, view: SpawnerView) -> tuple[str, ...]:
        """Secrets whose change may mend what only a person can mend."""
        jira = view.spawner.spec.when.jira
        if jira is not None:
            return (jira.secret_ref.name,)
        name = view.spawner.spec.workspace_name
        manifest = self.workspaces.get(view.spawner.meta.namespace, name) if name else None
        secret = ((manifest or {}).get("spec") or {}).get("secretRef") or {}
        return (str(secret["name"]),) if secret.get("name") else ()

    async def _go(self, key: Key, manifest: Manifest) -> None:
        """It may make no sense, and go all the same."""
        if self.places.keeps_all:
            owner = Owner(namespace=key[0], name=key[1], uid=manifest["metadata"]["uid"])
            await self._do(leave_alone(manifest, self.observer.own_tasks(owner)))

    async def _gone(self, key: Key) -> float | None:
        """Its Tasks go with it; nobody keeps those that wait for a word of it."""
        self._leave(self._memories.pop(key, None))
        self.ledgers.forget(*key)
        self.places.forget(key)
        self.missing.expect(key, ())
        return await self._free_orphans(key, "") if self.places.keeps_all else None

    async def _free_orphans(self, key: Key, uid: str) -> float | None:
        """Tasks of earlier TaskSpawners of this name. Our cache may be late, so the API is asked first."""
        waiting = tuple(task for task in self.observer.orphans(*key, uid) if task.is_unnoted)
        if not waiting:
            return None
        there = await find(self.cluster, TASK_SPAWNER, *key)
        if there is not None and there["metadata"]["uid"] != uid:
            return STALE_LOOK_SECONDS
        await self._do(without_spawner(key[0], waiting))
        return None

    def _memory(self, key: Key, spawner: TaskSpawner) -> Memory:
        memory = self._memories.get(key)
        if memory is not None and memory.knows(spawner):
            return memory
        if memory is not None and memory.uid != spawner.meta.uid:
            self.ledgers.forget(*key)
        spread = self.scout.rng.uniform(0, SPREAD_SECONDS * len(self.spawners.list())) if memory is None else 0.0
        memory = Memory(
            uid=spawner.meta.uid, generation=spawner.meta.generation, due_at=self.scout.monotonic() + spread
        )
        self._leave(self._memories.get(key))
        self._memories[key] = memory
        return memory

    def _leave(self, memory: Memory | None) -> None:
        if memory is not None and memory.place is not None:
            self.shelf.let_go(memory.place)

    def _make_room(self, spawner: TaskSpawner, memory: Memory) -> None:
        """For what the look found. Raises UserError when it is too much."""
        if memory.place is None:
            what = f"What TaskSpawner '{spawner.meta.name}' finds"
            memory.place = self.shelf.place(spawner.meta.namespace, what, memory.forget_listing)
        self.shelf.reopen(memory.place)
        try:
            self.shelf.resize(memory.place, memory.size_bytes)
        except UserError:
            memory.forget_listing()
            raise

    async def _say(self, step: SetStatus | None) -> None:
        if step is not None:
            await self._do((step,))

    async def _do(self, steps: tuple[Step, ...]) -> None:
        await apply(Plan(steps=steps), self.maker.systems)


def _since(view: SpawnerView) -> datetime:
    """Up to where ticks were handled."""
    watermark = tick_of_key(view.ledger.head.watermark)
    return watermark or view.spawner.meta.creation_timestamp or view.now
