"""One record of what each Task used, whatever goes wrong in between and however the Task ends."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

import make
from kelos.api.kinds import CRD, NAMESPACE, POD, TASK, TASK_RECORD
from kelos.api.names import FINALIZER_OUTCOME
from kelos.api.outcome import Outcome, Usage
from kelos.api.reasons import Reason
from kelos.apply import Systems, apply
from kelos.install.crds import build_crds
from kelos.outputs.document import encode_document
from kelos.plan import Plan, Record
from kelos.tasks.plan import plan
from storm import Between, Storm, Weather, leftovers
from world import Run, World, settle

pytestmark = pytest.mark.anyio

DEATHS = [None, 1, 2, 3, 4, 5, 6, 7, 8, 9]
SEEDS = [5]
COST = Usage(cost_usd="0.25", input_tokens=7, model="m-4")
DONE = Outcome(usage=COST)
STOPPED = Outcome(reason=Reason.CANCELLED, message="stopped", usage=COST)
WEATHERS = {
    "errors": Weather(error=0.15, lost_answer=0.1),
    "stale views": Weather(frozen_cache=0.4, copies=0.3),
    "missed events": Weather(lost_wake=0.6),
    "crashes": Weather(crash=0.15, error=0.05),
    "everything": Weather(
        error=0.1, lost_answer=0.05, lost_wake=0.3, frozen_cache=0.3, clock_jump=0.05, crash=0.05, pause=0.1, copies=0.2
    ),
}


async def billed(world: World) -> dict[str, Decimal]:
    """What is on record, by Task uid."""
    found = await world.all(TASK_RECORD)
    return {record["spec"]["taskRef"]["uid"]: Decimal(record["spec"]["usage"]["cost"]) for record in found}


def paid(world: World) -> dict[str, Decimal]:
    return {uid: cost for uid, cost in world.kubernetes.paid.items() if cost}


@pytest.mark.parametrize("dies_after", DEATHS)
async def test_a_task_that_expires_at_once_leaves_its_record(dies_after):
    """The record is there before anything lets go, wherever the controller dies."""
    async with World() as world:
        world.kubernetes.runs = [Run(outcome=DONE)]
        await world.create(TASK, make.task_manifest(ttlSecondsAfterFinished=0))

        await settle(world, await world.run_process(dies_after))

        assert [] == await world.all(TASK)
        assert paid(world) == await billed(world)
        assert [Decimal("0.25")] == list((await billed(world)).values())


@pytest.mark.parametrize("dies_after", DEATHS)
async def test_a_task_that_is_deleted_while_it_runs_leaves_its_record(dies_after):
    """Nobody is there to ask any more; its pod carries everything."""
    async with World() as world:
        world.kubernetes.runs = [Run(exit_code=88, outcome=STOPPED, stays=True)]
        await world.create(TASK, make.task_manifest(startTimeoutSeconds=100_000))
        process = await settle(world, await world.run_process(dies_after))
        await world.cluster.delete(TASK, make.NAMESPACE, "fix-bug")

        await settle(world, process)

        (record,) = await world.all(TASK_RECORD)
        spec = record["spec"]
        assert ("fix-bug", "demo", "Failed", "Cancelled") == (
            spec["taskRef"]["name"], spec["type"], spec["phase"], spec["reason"],
        )  # fmt: skip
        assert paid(world) == await billed(world)
        assert [] == await world.all(POD)


@pytest.mark.parametrize("dies_after", DEATHS)
async def test_what_a_drained_node_cost_is_kept_when_the_task_is_deleted_later(dies_after):
    """Its pod could not wait for the end, so the Task held what it knew, and goes after its record."""
    async with World() as world:
        world.kubernetes.runs = [Run(exit_code=88, outcome=STOPPED, stays=True) for _ in range(2)]
        await world.create(TASK, make.task_manifest(startTimeoutSeconds=100_000))
        process = await settle(world, await world.run_process())
        (pod,) = await world.all(POD)
        await world.kubernetes.drain(pod)
        process = await settle(world, await world.run_process(dies_after))
        assert pod["metadata"]["uid"] not in [left["metadata"]["uid"] for left in await world.all(POD)]
        world.sleep(60)  # the back-off of the Job controller
        process = await settle(world, process)
        assert 2 == len(world.kubernetes.started)
        await world.cluster.delete(TASK, make.NAMESPACE, "fix-bug")

        await settle(world, process)

        assert [Decimal("0.5")] == list((await billed(world)).values())
        assert ([], []) == (await world.all(TASK), await world.all(POD))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("leaders", [1, 2])
@pytest.mark.parametrize("weather", WEATHERS)
async def test_there_is_one_record_for_each_task_in_any_weather(weather, leaders, seed):
    """Some expire at once, some are deleted or cancelled on the way: the sums are right for each."""
    print(f"seed {seed}")  # shown when the test fails
    async with World() as world:
        world.kubernetes.runs = [Run(outcome=DONE), *(Run(exit_code=88, outcome=STOPPED, stays=True),) * 2] * 9
        for number in range(9):
            ttl = {"ttlSecondsAfterFinished": 0} if number % 3 == 0 else {}
            await world.create(TASK, make.task_manifest(f"t{number}", startTimeoutSeconds=100_000, **ttl))
        storm = Storm(world=world, weather=Weather(**vars(WEATHERS[weather])), rng=Random(seed), leaders=leaders)
        await storm.rage(12)
        for task in await world.all(TASK):
            name = task["metadata"]["name"]
            if storm.rng.random() < 0.5:
                await world.cluster.delete(TASK, make.NAMESPACE, name)
            else:
                await world.annotate(name, **{"kelos.dev/cancel-requested": '{"by":"ann"}'})
        await storm.rage(12)

        await storm.calm()

        assert paid(world) == await billed(world)
        assert [] == await leftovers(world)


class OnePodOnly:
    """A cluster whose watch of pods tells of the first one only; lists tell of all."""

    def __init__(self, cluster):
        self._cluster = cluster

    def __getattr__(self, name):
        return getattr(self._cluster, name)

    async def watch(self, kind, *where, **options):
        first = None
        async for change in self._cluster.watch(kind, *where, **options):
            name = change.object["metadata"].get("name")
            first = first or name
            if kind is not POD or name in (None, first):
                yield change


async def test_a_pod_that_no_watch_told_of_is_on_the_record():
    """A Job controller made two, and our cache is behind: a record is final, so the API is asked."""
    async with World() as world:
        world.kubernetes.copies = lambda: 2
        world.kubernetes.runs = [Run(outcome=DONE), Run(exit_code=88, outcome=STOPPED, stays=True)]
        await world.create(TASK, make.task_manifest(startTimeoutSeconds=100_000))

        await settle(world, await world.run_process(through=OnePodOnly(world.cluster)))

        assert [Decimal("0.5")] == list((await billed(world)).values())
        assert paid(world) == await billed(world)


async def test_a_task_that_a_late_cache_does_not_know_is_not_taken_for_gone():
    """Its pod is over and held; whoever knows the Task will judge it."""
    async with World() as world:
        late = Between(world.cluster, Weather(), Random(1))
        stranger = await world.run_process(through=late)
        late.freeze(TASK)
        world.kubernetes.runs = [Run(outcome=DONE)]
        await world.create(TASK, make.task_manifest())
        process = await world.run_process()
        while not world.kubernetes.paid:
            await process.reconcile((make.NAMESPACE, "fix-bug"))
            await world.kubernetes.step()
            await world.catch_up()

        await stranger.reconcile((make.NAMESPACE, "fix-bug"))

        (pod,) = await world.all(POD)
        assert FINALIZER_OUTCOME in pod["metadata"]["finalizers"]
        assert [] == await world.all(TASK_RECORD)


async def test_a_task_that_used_something_costs_six_writes():
    """The record is one more; thousands of Tasks share one API server."""
    async with World() as world:
        world.kubernetes.runs = [Run(outcome=DONE)]
        await world.create(TASK, make.task_manifest())
        process = await world.run_process()

        await settle(world, process)

        writes = [write for write in process.cluster.writes if write != "create Event"]
        assert [
            "create Job", "status Task", "status Task", "status Task", "create TaskRecord", "patch Pod",
        ] == writes  # fmt: skip


async def test_without_the_definition_the_pod_keeps_what_it_knows():
    """Somebody forgot half of an upgrade: the Task ends, and its record comes with the definition."""
    async with World() as world:
        world.kubernetes.runs = [Run(outcome=DONE)]
        definition = next(crd for crd in build_crds() if crd["spec"]["names"]["kind"] == "TaskRecord")
        await world.cluster.delete(CRD, None, definition["metadata"]["name"])
        await world.create(TASK, make.task_manifest())
        process = await world.run_process()
        for _ in range(20):
            await process.reconcile((make.NAMESPACE, "fix-bug"))
            await world.kubernetes.step()
            await world.catch_up()
        (pod,) = await world.all(POD)
        assert FINALIZER_OUTCOME in pod["metadata"]["finalizers"]
        assert "Succeeded" == (await world.task())["status"]["phase"]

        await world.create(CRD, definition)
        await settle(world, process)

        assert paid(world) == await billed(world)


@pytest.mark.parametrize(("usage", "warnings"), [(COST, 0), (Usage(cost_usd="0.5"), 1)])
async def test_a_record_that_lacks_something_is_told_of(usage, warnings):
    """It cannot be changed; whoever reads the bill must be able to find out."""
    async with World() as world:
        told = []
        systems = Systems(cluster=world.cluster, now=world.now, warn=told.append)
        for used in (COST, usage):
            document = encode_document(Outcome(usage=used)).decode()
            running = make.task(status={"phase": "Running", "jobName": "fix-bug"})
            view = make.view(running, job=make.job(), pods=(make.ended_pod(document=document),))
            steps = tuple(step for step in plan(view).steps if isinstance(step, Record))
            await apply(Plan(steps=steps), systems)

        assert warnings == len(told)


async def test_a_namespace_that_is_being_deleted_is_not_held_up_by_a_record():
    """There is no room for it any more; the pod goes, or the namespace would stay for ever."""
    async with World() as world:
        world.kubernetes.runs = [Run(exit_code=88, outcome=STOPPED, stays=True)]
        await world.create(TASK, make.task_manifest(startTimeoutSeconds=100_000))
        process = await settle(world, await world.run_process())
        await world.cluster.delete(NAMESPACE, None, make.NAMESPACE)

        await settle(world, process)

        held = [pod for pod in await world.all(POD) if FINALIZER_OUTCOME in (pod["metadata"].get("finalizers") or ())]
        assert [] == held
