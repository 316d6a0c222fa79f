"""What people and clusters do to a spawner's things, and what it says and does then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

import make
from kelos.api.kinds import CONFIG_MAP, TASK, TASK_SPAWNER, WORKSPACE, Manifest
from kelos.api.names import FINALIZER_SPAWNED, FINALIZER_SPAWNER
from kelos.controllers.task_spawner.engine import SpawnerController
from kelos.spawning.cron import key_of_tick
from kelos.spawning.ledger import writing
from kelos.spawning.recipe import TaskRecipe
from simulation.spawning.engines import engine
from simulation.spawning.people import spawner_manifest
from simulation.spawning.stage import Recipe
from world import World

pytestmark = pytest.mark.anyio

KEY = (make.NAMESPACE, "nightly")
MINUTELY = {"cron": {"schedule": "* * * * *", "missedRuns": "All"}}


@dataclass
class Scene:
    world: World
    engine: SpawnerController

    async def pass_time(self, minutes: int) -> None:
        for _ in range(minutes * 4):
            self.world.sleep(15.0)
            await self.passes(1)

    async def passes(self, number: int = 4) -> None:
        for _ in range(number):
            await self.engine.reconcile(KEY)
            await self.world.catch_up()

    async def status(self) -> Manifest:
        return (await self.world.cluster.get(TASK_SPAWNER, *KEY))["status"]

    async def condition(self, type: str) -> tuple[str, str, str]:
        (found,) = [each for each in (await self.status())["conditions"] if each["type"] == type]
        return found["status"], found["reason"], found["message"]

    async def names(self) -> set[str]:
        return {task["metadata"]["name"] for task in await self.world.all(TASK)}

    async def maps(self, is_wanted: Callable[[Manifest], bool]) -> list[str]:
        return [each["metadata"]["name"] for each in await self.world.all(CONFIG_MAP) if is_wanted(each["data"])]

    async def remove(self, name: str) -> None:
        await self.world.cluster.delete(CONFIG_MAP, make.NAMESPACE, name)


@asynccontextmanager
async def scene(
    recipe: Any = None, *, with_workspace: bool = True, when: Any = None, **spec: Any
) -> AsyncIterator[Scene]:
    async with World() as world:
        if with_workspace:
            await world.create(WORKSPACE, make.workspace_manifest())
        await world.create(TASK_SPAWNER, spawner_manifest("nightly", when=when or MINUTELY, **spec))
        async with engine(world.cluster, world.now, recipe=recipe) as running:
            yield Scene(world, running)


async def test_a_ledger_that_somebody_deleted_begins_with_the_tasks_there_are():
    """Nothing that can still be seen is done again."""
    async with scene() as b:
        await b.pass_time(3)
        before = await b.names()
        (head,) = await b.maps(lambda data: "state" in data)
        await b.remove(head)
        await b.passes()

        assert len(before) >= 2
        assert before == await b.names()
        assert len(before) == (await b.status())["totalTasksCreated"]


async def test_without_a_part_of_its_ledger_a_spawner_rests_and_says_what_to_do(monkeypatch):
    """Going on would do everything again."""
    monkeypatch.setattr(writing, "HEAD_BYTES", 1)
    async with scene() as b:
        await b.pass_time(3)
        before = await b.names()
        for segment in await b.maps(lambda data: "state" not in data):
            await b.remove(segment)
    async with engine(b.world.cluster, b.world.now) as another:
        b.engine = another
        await b.pass_time(3)
        status, reason, message = await b.condition("Ready")

        assert before == await b.names()
        assert ("False", "LedgerDamaged") == (status, reason)
        assert "restore it, or delete" in message


class Stubborn(Recipe):
    """Makes Tasks that no API server takes."""

    def build(self, *args: Any, **options: Any) -> Manifest:
        task = super().build(*args, **options)
        return {**task, "spec": {**task["spec"], "ttlSecondsAfterFinished": -1}}


async def test_a_task_that_the_cluster_refuses_is_told_of_and_holds_no_place():
    async with scene(Stubborn()) as b:
        await b.pass_time(2)
        await b.passes()
        status, reason, message = await b.condition("DiscoveryError")

        assert set() == await b.names()
        assert ("True", "TaskCreationFailed") == (status, reason)
        assert "ttlSecondsAfterFinished" in message
        assert 0 == (await b.status())["totalTasksCreated"]


class Mended(Stubborn):
    """Until somebody mends what it was."""

    is_mended = False

    def build(self, *args: Any, **options: Any) -> Manifest:
        return Recipe.build(self, *args, **options) if self.is_mended else super().build(*args, **options)


@pytest.mark.parametrize(("missed", "made"), [("All", 2), ("Latest", 1), ("Skip", 0)])
async def test_a_tick_whose_task_was_refused_comes_again_as_the_policy_for_missed_ones_has_it(missed, made):
    """A nightly run is not lost because a quota was full for some minutes; which are made up for is said already."""
    recipe = Mended()
    async with World() as world:
        first = world.now() + timedelta(minutes=2)
    schedule = f"{first.minute % 10}-59/10 * * * *"
    async with scene(recipe, when={"cron": {"schedule": schedule, "missedRuns": missed}}) as b:
        await b.pass_time(15)
        told = await b.condition("DiscoveryError")
        recipe.is_mended = True
        async with engine(b.world.cluster, b.world.now, recipe=recipe) as another:
            b.engine = another
            await b.pass_time(5)

        ticks = [key_of_tick(first), key_of_tick(first + timedelta(minutes=10))]
        assert ("True", "TaskCreationFailed") == told[:2]
        assert {f"nightly-{tick}" for tick in ticks[2 - made :]} == await b.names()
        assert made == (await b.status())["totalTasksCreated"]


async def test_a_refused_tick_of_a_schedule_with_one_place_keeps_no_later_one():
    async with scene(Mended(), when=MINUTELY, maxConcurrency=1) as b:
        await b.pass_time(2)
        b.engine._passes.maker.recipe.is_mended = True  # type: ignore[attr-defined]
        await b.pass_time(1)

        assert await b.names()


async def test_a_name_that_no_item_has_is_told_before_any_tick_comes():
    """With its field; the first item told of it, a night later."""
    template = {"promptTemplate": "{{.Nmber}}"}
    async with scene(TaskRecipe(), template=template) as b:
        await b.passes(2)
        status = await b.status()

        assert "Failed" == status["phase"]
        assert status["message"].startswith("spec.taskTemplate.promptTemplate: names 'Nmber', which no item")
        assert ("False", "InvalidSpec") == (await b.condition("Ready"))[:2]


class Mistaken(Recipe):
    """Has mistakes that only the items of some minutes bring to light."""

    def name(self, spawner: Any, item: Any, **options: Any) -> str:
        if item.key.endswith("2"):
            raise RecursionError("nobody thought of that")
        return super().name(spawner, item, **options)

    def build(self, spawner: Any, workspace: Any, item: Any, **options: Any) -> Manifest:
        task = super().build(spawner, workspace, item, **options)
        if item.key.endswith("4"):
            raise KeyError("nor of that")
        return {**task, "spec": {**task["spec"], "prompt": object()}} if item.key.endswith("6") else task


async def test_a_mistake_that_one_item_brings_to_light_keeps_no_other():
    """Hostile text finds them before we do."""
    async with scene(Mistaken()) as b:
        await b.pass_time(11)
        made = {name[-1] for name in await b.names()}
        status, reason, message = await b.condition("DiscoveryError")

        assert set("13579") <= made
        assert not set("246") & made
        assert ("True", "TaskCreationFailed") == (status, reason)
        assert "an error in Kelos itself (" in message
        assert "nobody" not in message


async def test_a_workspace_that_is_missing_is_named_and_its_coming_is_noticed():
    async with scene(with_workspace=False) as b:
        await b.pass_time(2)
        assert ("Failed", "Workspace 'repo' does not exist") == (
            (await b.status())["phase"],
            (await b.status())["message"][:31],
        )
        await b.world.create(WORKSPACE, make.workspace_manifest())
        await b.world.catch_up()
        await b.passes()

        assert "Running" == (await b.status())["phase"]
        assert await b.names()


async def test_a_spawner_that_goes_frees_tasks_that_wait_for_its_word():
    """They are deleted with it, and nothing must keep them."""
    async with scene() as b:
        await b.pass_time(1)
        await b.world.cluster.delete(TASK_SPAWNER, *KEY)
        await b.world.catch_up()
        await b.world.create(TASK, make.task_manifest("late", meta=_spawned()))
        await b.world.catch_up()
        await b.passes()
        late = await b.world.task("late")

        assert not late["metadata"].get("finalizers")


async def test_a_spawner_that_makes_no_sense_can_be_deleted():
    """An installation of the reference left it behind, with a finalizer and a source that nobody knows any more."""
    async with scene() as b:
        await b.world.cluster.patch(TASK_SPAWNER, *KEY, {"metadata": {"finalizers": [FINALIZER_SPAWNER]}})
        await b.world.cluster.delete(TASK_SPAWNER, *KEY)
        await b.world.catch_up()
        there = await b.world.cluster.get(TASK_SPAWNER, *KEY)
        version = str(int(there["metadata"]["resourceVersion"]) + 1)
        odd = {**there["metadata"], "resourceVersion": version}
        b.engine.caches.spawners.learn({**there, "metadata": odd, "spec": {"when": {"carrier pigeons": {}}}})
        await b.passes(1)

        assert [] == await b.world.all(TASK_SPAWNER)


def _spawned() -> Manifest:
    return {"labels": {"kelos.dev/taskspawner": "nightly"}, "finalizers": [FINALIZER_SPAWNED]}


class Predictable(Recipe):
    """Whoever knows an item knows what its Task will be called."""

    def name(self, spawner: Any, item: Any, **options: Any) -> str:
        return "taken"


async def test_a_task_of_somebody_else_with_the_name_is_told_of_and_holds_no_place():
    """Else one such Task would keep a spawner with `maxConcurrency: 1` from all others, and nobody would hear why."""
    async with scene(Predictable()) as b:
        await b.world.create(TASK, make.task_manifest("taken"))
        await b.world.catch_up()
        await b.pass_time(2)
        status, _, message = await b.condition("DiscoveryError")

        assert ("True", 0) == (status, (await b.status())["activeTasks"])
        assert "Task 'taken' exists and belongs to somebody else" in message


async def test_what_was_found_is_still_said_of_a_suspended_spawner():
    """By the process that found it, and by one that has never looked."""
    async with scene() as b:
        await b.pass_time(2)
        before = await b.status(), await b.condition("Discovered")
        await b.world.cluster.patch(TASK_SPAWNER, *KEY, {"spec": {"suspend": True}})
        await b.world.catch_up()
        await b.passes()
        after = await b.status(), await b.condition("Discovered")
        async with engine(b.world.cluster, b.world.now) as another:
            b.engine = another
            await b.passes()
            later = await b.status(), await b.condition("Discovered")

    assert ("True", "Looked") == before[1][:2]
    assert "Suspended" == after[0]["phase"]
    assert before[0]["totalDiscovered"] == after[0]["totalDiscovered"] == later[0]["totalDiscovered"]
    assert before[1] == after[1] == later[1]
