"""Many Tasks in bad weather: whatever goes wrong in between, each ends once, costs once and leaves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random

import pytest

import app_keys
import make
from kelos.api.kinds import JOB, POD, SECRET, TASK, WORKSPACE
from kelos.api.outcome import Outcome, Usage
from kelos.api.reasons import Reason
from storm import Storm, Weather, leftovers, starts_by_task
from world import Run, World

pytestmark = pytest.mark.anyio

SEEDS = [7, 11, 2026]
WEATHERS: Mapping[str, Weather] = {
    "errors": Weather(error=0.15, lost_answer=0.1),
    "stale views": Weather(frozen_cache=0.4),
    "missed events": Weather(lost_wake=0.6),
    "clock jumps": Weather(clock_jump=0.15),
    "crashes": Weather(crash=0.15, error=0.05),
    "everything": Weather(
        error=0.1, lost_answer=0.05, lost_wake=0.3, frozen_cache=0.3, clock_jump=0.05, crash=0.05, pause=0.1
    ),
}
PASSES_PER_TASK = 150
COST = Usage(cost_usd="0.25")


async def storm_over(world: World, weather: Weather, seed: int, leaders: int = 1) -> Storm:
    print(f"seed {seed}")  # shown when the test fails
    storm = Storm(world=world, weather=Weather(**vars(weather)), rng=Random(seed), leaders=leaders)
    await storm.rage()
    await storm.calm()
    return storm


async def plant(world: World) -> None:
    """Two branches with three Tasks each, two of a persistent Workspace, and a chain, all at once."""
    await world.create(WORKSPACE, make.workspace_manifest())
    await world.create(SECRET, app_keys.app_secret())
    await world.create(WORKSPACE, make.workspace_manifest("disk", persistent=True, secretRef={"name": "app"}))
    for name, branch in (("disk-0", "fix"), ("disk-1", None)):
        spec = {"branch": branch, "workspaceRef": {"name": "disk"}, "startTimeoutSeconds": 100_000}
        await world.create(TASK, make.task_manifest(name, **spec))
    for branch in ("feature", "fix"):
        for number in range(3):
            spec = {"branch": branch, "workspaceRef": {"name": "repo"}, "startTimeoutSeconds": 100_000}
            await world.create(TASK, make.task_manifest(f"{branch}-{number}", **spec))
    await world.create(TASK, make.task_manifest("first", startTimeoutSeconds=100_000))
    await world.create(TASK, make.task_manifest("second", dependsOn=["first"], startTimeoutSeconds=100_000))
    world.kubernetes.runs = [Run(outcome=Outcome(usage=COST)) for _ in range(50)]


async def usage_is_counted(world: World) -> bool:
    """Every cent that an agent reported is in its Task's status."""
    counted = {
        task["metadata"]["uid"]: Decimal((task["status"].get("usage") or {}).get("cost", "0"))
        for task in await world.all(TASK)
    }
    return {uid: cost for uid, cost in world.kubernetes.paid.items() if cost} == {u: c for u, c in counted.items() if c}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("leaders", [1, 2])
@pytest.mark.parametrize("weather", WEATHERS)
async def test_every_task_succeeds_once_in_any_weather(weather, leaders, seed):
    """Two leaders at once are the worst case of an election that went wrong."""
    async with World() as world:
        await plant(world)

        storm = await storm_over(world, WEATHERS[weather], seed, leaders)

        phases = [task["status"]["phase"] for task in await world.all(TASK)]
        assert ["Succeeded"] * 10 == phases
        assert [1] * 10 == list(starts_by_task(world).values())
        assert [] == await leftovers(world)
        assert await usage_is_counted(world)
        assert storm.passes < PASSES_PER_TASK * 10 * leaders


@pytest.mark.parametrize("seed", SEEDS)
async def test_agent_errors_are_repeated_as_often_as_asked_and_no_more(seed):
    """Money is spent on each; evictions in between have a budget of their own."""
    async with World() as world:
        failed = Outcome(reason=Reason.AGENT_ERROR, message="boom", usage=COST)
        world.kubernetes.runs = [Run(exit_code=80, outcome=failed) for _ in range(9)]
        await world.create(TASK, make.task_manifest(retries=2, startTimeoutSeconds=100_000))

        await storm_over(world, Weather(error=0.1, lost_wake=0.2), seed)

        status = (await world.task())["status"]
        assert (3, "AgentError", "0.75") == (len(world.kubernetes.started), status["reason"], status["usage"]["cost"])
        assert [] == await leftovers(world)


@pytest.mark.parametrize("seed", SEEDS)
async def test_evictions_are_repeated_within_their_budget(seed):
    """A cluster that evicts for ever must not run a Task for ever."""
    async with World() as world:
        world.kubernetes.runs = [Run(stays=True) for _ in range(20)]
        await world.create(TASK, make.task_manifest(startTimeoutSeconds=100_000))
        storm = Storm(world=world, weather=Weather(eviction=0.5), rng=Random(seed))

        await storm.rage(120)

        status = (await world.task())["status"]
        assert ("Failed", "Evicted") == (status["phase"], status["reason"])
        assert 4 == len(world.kubernetes.started)


@pytest.mark.parametrize("seed", SEEDS)
async def test_pods_that_kubernetes_made_twice_are_all_counted_and_let_go(seed):
    """A Job controller may see its own pods late; each is paid for."""
    async with World() as world:
        await plant(world)

        await storm_over(world, Weather(copies=0.5, frozen_cache=0.2, lost_wake=0.2), seed)

        assert [] == await leftovers(world)
        assert await usage_is_counted(world)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_task_of_the_same_name_starts_afresh_while_the_old_pod_still_ends(seed):
    """Deleted and created anew: the old pod's outcome is nobody's, its branch is not free until it is gone."""
    async with World() as world:
        await world.create(WORKSPACE, make.workspace_manifest())
        manifest = make.task_manifest(branch="feature", workspaceRef={"name": "repo"}, startTimeoutSeconds=100_000)
        world.kubernetes.runs = [Run(exit_code=88, outcome=Outcome(usage=COST), stays=True), Run()]
        await world.create(TASK, manifest)
        storm = Storm(world=world, weather=Weather(), rng=Random(seed))
        await storm.rage()
        assert 1 == len(world.kubernetes.started)
        storm.weather.frozen_cache = storm.weather.lost_wake = 0.3
        await world.cluster.delete(TASK, make.NAMESPACE, "fix-bug")
        await world.create(TASK, manifest)
        await storm.rage()

        await storm.calm()

        status = (await world.task())["status"]
        assert ("Succeeded", None) == (status["phase"], status.get("usage"))
        assert [] == await leftovers(world)
        assert 1 == len(await world.all(POD))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weather", ["errors", "stale views", "missed events", "crashes"])
async def test_cancelled_tasks_end_with_their_cost_in_any_weather(weather, seed):
    async with World() as world:
        stopped = Outcome(reason=Reason.CANCELLED, message="stopped", usage=COST)
        world.kubernetes.runs = [Run(exit_code=88, outcome=stopped, stays=True)]
        await world.create(TASK, make.task_manifest(startTimeoutSeconds=100_000))
        storm = Storm(world=world, weather=Weather(**vars(WEATHERS[weather])), rng=Random(seed))
        await storm.rage(15)
        await world.annotate("fix-bug", **{"kelos.dev/cancel-requested": '{"by":"ann"}'})
        await storm.rage(15)

        await storm.calm()

        status = (await world.task())["status"]
        assert "Cancelled" == status["reason"]
        assert await usage_is_counted(world)
        assert [] == await leftovers(world)
        assert [] == [p for p in await world.all(POD) if p["status"]["phase"] == "Running"]


async def test_a_leader_that_slept_through_a_cancel_leaves_no_agent_running():
    """It looked before and acts after: the Job it makes belongs to an ended Task, and is taken away again."""
    async with World() as world:
        stopped = Outcome(reason=Reason.CANCELLED, message="stopped")
        world.kubernetes.runs = [Run(exit_code=88, outcome=stopped, stays=True) for _ in range(2)]
        await world.create(TASK, make.task_manifest(startTimeoutSeconds=100_000))
        storm = Storm(world=world, weather=Weather(pause=1.0), rng=Random(1))
        await storm.rage(1)
        sleeper, storm.weather = storm, Weather()
        awake = Storm(world=world, weather=Weather(), rng=Random(2))
        await awake.rage(5)
        await world.annotate("fix-bug", **{"kelos.dev/cancel-requested": '{"by":"ann"}'})
        await awake.calm()

        await sleeper.calm()
        await awake.calm()

        assert "Cancelled" == (await world.task())["status"]["reason"]
        assert ([], []) == (await world.all(JOB), await leftovers(world))


async def test_a_queue_for_one_branch_costs_passes_by_its_length_not_its_square():
    """Each hand-over wakes the next, not everybody."""
    async with World() as world:
        await world.create(WORKSPACE, make.workspace_manifest())
        for number in range(24):
            await world.create(TASK, make.task_manifest(f"t{number:02}", branch="b", workspaceRef={"name": "repo"}))
        storm = Storm(world=world, weather=Weather(), rng=Random(1))
        await storm.rage(1)

        await storm.calm()

        assert 24 == len(world.kubernetes.started)
        assert world.kubernetes.started == sorted(world.kubernetes.started)
        assert storm.passes < 24 * 24
