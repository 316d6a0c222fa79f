"""From listed items to Tasks: read them, choose, claim, create; one item's misfortune is its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from kelos.api.kinds import TASK, Manifest
from kelos.api.task_spawner import TaskSpawner
from kelos.api.work_item import WorkItem
from kelos.api.workspace import Workspace
from kelos.apply import Refused, Systems, Taken, apply
from kelos.controllers.loop import Log
from kelos.controllers.task_spawner.memory import Memory
from kelos.controllers.task_spawner.parts import Recipe, Sources, Tally
from kelos.controllers.task_spawner.scout import LONGEST_READ_SECONDS, in_time, mistakes_told
from kelos.errors import RateLimited, RemoteError, UserError
from kelos.plan import Create, Plan
from kelos.sources.protocol import Source
from kelos.spawning.choose import MOST_READS, Choice, choose
from kelos.spawning.ledger.writing import Changes, record
from kelos.spawning.moments import next_watermark
from kelos.spawning.room import room_of
from kelos.spawning.view import Chosen, SpawnerView, Wanted

READS_AT_ONCE = 4
LONGEST_CONTEXT_SECONDS = 90.0
LONGEST_PART_SECONDS = 120.0
"""After so long nothing more is begun in a pass: what is left comes in the next one."""
NOTE_SECONDS = 0.5
"""After Tasks were made they are noted as soon as a watch tells of them, and at the latest now."""
FRESH_SECONDS = 30.0
"""How old a claim may be when its Task is created on its word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes the Tasks of one pass."""

    systems: Systems
    sources: Sources
    recipe: Recipe
    now: Callable[[], datetime]
    rng: Random
    tally: Tally
    log: Log

    async def make(
        self,
        view: SpawnerView,
        wanted: Sequence[Wanted],
        source: Source,
        workspace: Workspace | None,
        memory: Memory,
    ) -> float | None:
        """In how many seconds to go on when there is more to read. Raises RateLimited, after what could be done."""
        read, limit = await self._read_some(view, wanted[:MOST_READS], source, memory)
        choice = choose(view, wanted, read, self._name_of(view.spawner))
        self._remember(choice, wanted, memory)
        built = await self._build_some(view, workspace, choice, memory)
        fresh_until = self.systems.monotonic() + FRESH_SECONDS
        await self._claim(view, choice, [chosen for chosen, _ in built])
        claimed = {each.claim.key for each, _ in built}
        memory.read((each.sighting for each in wanted if each.sighting.key in claimed), self.now())
        for chosen, manifest in built:
            await self._create(chosen, manifest, fresh_until, memory)
        if limit is not None:
            raise limit
        has_more = len(wanted) > len(read) and len(choice.chosen) < room_of(view)
        return NOTE_SECONDS if built or has_more else None

    async def _read_some(
        self, view: SpawnerView, wanted: Sequence[Wanted], source: Source, memory: Memory
    ) -> tuple[dict[str, WorkItem | None], RateLimited | None]:
        """Items in order, a few at a time, until there are enough for the room there is."""
        found: dict[str, WorkItem | None] = {}
        room, began_at = room_of(view), self.systems.monotonic()
        for start in range(0, len(wanted), READS_AT_ONCE):
            if self.systems.monotonic() - began_at > LONGEST_PART_SECONDS:
                break
            some = wanted[start : start + READS_AT_ONCE]
            if all(each.claim is None for each in some) and sum(1 for item in found.values() if item) >= room:
                break
            answers = await asyncio.gather(*(self._read(each, source) for each in some), return_exceptions=True)
            for each, answer in zip(some, answers, strict=True):
                if isinstance(answer, RateLimited):
                    return found, answer
                if isinstance(answer, UserError | RemoteError):
                    memory.worry(each.sighting.key, str(answer), self.now(), self.rng)
                elif isinstance(answer, BaseException):
                    raise answer
                else:
                    found[each.sighting.key] = answer
        return found, None

    async def _read(self, wanted: Wanted, source: Source) -> WorkItem | None:
        key = wanted.sighting.key
        with mistakes_told(self.log, item=key):
            return await in_time(source.read(wanted.sighting), LONGEST_READ_SECONDS, f"Item {key} of the source")

    def _name_of(self, spawner: TaskSpawner) -> Callable[[WorkItem, bool, int], str]:
        def name_of(item: WorkItem, is_first: bool, attempt: int) -> str:
            with mistakes_told(self.log, item=item.key):
                return self.recipe.name(spawner, item, is_first=is_first, attempt=attempt)

        return name_of

    def _remember(self, choice: Choice, wanted: Sequence[Wanted], memory: Memory) -> None:
        now = self.now()
        memory.read((each.sighting for each in wanted if each.sighting.key in choice.fruitless), now)
        for key in choice.fruitless:
            memory.went_well(key)
        for key in choice.declined:
            memory.worry(key, "", now, self.rng, is_lasting=True)
        for key in choice.crowded:
            memory.worry(key, "", now, self.rng)
        for key, problem in choice.problems.items():
            memory.worry(key, problem, now, self.rng)

    async def _build_some(
        self, view: SpawnerView, workspace: Workspace | None, choice: Choice, memory: Memory
    ) -> list[tuple[Chosen, Manifest]]:
        """Everything that can fail about an item fails before it is claimed; what takes too long waits for a pass."""
        built: list[tuple[Chosen, Manifest]] = []
        began_at = self.systems.monotonic()
        for start in range(0, len(choice.chosen), READS_AT_ONCE):
            if self.systems.monotonic() - began_at > LONGEST_PART_SECONDS:
                break
            some = choice.chosen[start : start + READS_AT_ONCE]
            made = await asyncio.gather(*(self._build(view, workspace, each, memory) for each in some))
            built += [(each, manifest) for each, manifest in zip(some, made, strict=True) if manifest is not None]
        return built

    async def _build(
        self, view: SpawnerView, workspace: Workspace | None, chosen: Chosen, memory: Memory
    ) -> Manifest | None:
        key, spawner = chosen.claim.key, view.spawner
        try:
            with mistakes_told(self.log, item=key):
                asked = self.sources.context(spawner, chosen.item)
                context = await in_time(asked, LONGEST_CONTEXT_SECONDS, f"What item {key} needs from elsewhere")
                return self.recipe.build(
                    spawner, workspace, chosen.item, name=chosen.claim.name, context=context, chance=self.rng.random()
                )
        except (UserError, RemoteError) as error:
            memory.worry(key, str(error), self.now(), self.rng)
            return None

    async def _claim(self, view: SpawnerView, choice: Choice, chosen: Sequence[Chosen]) -> None:
        """Nobody else can make these Tasks after this write; it fails when somebody else has written meanwhile."""
        claims = tuple(each.claim for each in chosen if each.is_new)
        watermark = next_watermark(view, {claim.key for claim in claims})
        changes = Changes(claims=claims, released=choice.released, watermark=watermark)
        if changes:
            await apply(Plan(steps=record(view.ledger, changes, may_forget=view.may_forget)), self.systems)

    async def _create(self, chosen: Chosen, manifest: Manifest, fresh_until: float, memory: Memory) -> None:
        key = chosen.claim.key
        plan = Plan(steps=(Create(kind=TASK, manifest=manifest),))
        try:
            with mistakes_told(self.log, item=key):
                await apply(plan, self.systems, fresh_until=fresh_until)
        except (Refused, Taken, UserError) as refused:
            memory.worry(key, str(refused), self.now(), self.rng, is_refused=True)
            return
        memory.went_well(key)
        self.tally.created()
