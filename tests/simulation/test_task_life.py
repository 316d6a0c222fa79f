"""The life of a Task under crashes, stale views and lost events: the same rest, the same cost."""

from __future__ import annotations

import asyncio

import pytest

import make
from kelos.api.kinds import JOB, LEASE, POD, SECRET, TASK, WORKSPACE
from kelos.api.names import ENV_TASK_NAME, FINALIZER_OUTCOME, LABEL_TASK, LABEL_TASK_UID
from kelos.api.outcome import GitFacts, Outcome, Usage
from kelos.api.reasons import Reason
from world import Run, World, settle

pytestmark = pytest.mark.anyio

DEATHS = [None, 1, 2, 3, 4, 5, 6, 7, 8]
DONE = Outcome(git=GitFacts(branch="feature", commit="a" * 40), usage=Usage(input_tokens=7, cost_usd="0.25"))


@pytest.mark.parametrize("dies_after", DEATHS)
async def test_a_task_runs_once_however_the_controller_dies(dies_after):
    """Work left by a crash is completed by the next process; the agent is paid once."""
    async with World() as world:
        world.kubernetes.runs = [Run(outcome=DONE)]
        await world.create(TASK, make.task_manifest())

        await settle(world, await world.run_process(dies_after))

        status = (await world.task())["status"]
        assert ["fix-bug"] == world.kubernetes.started
        assert ("Succeeded", "feature", "0.25") == (
            status["phase"],
            status["results"]["branch"],
            status["usage"]["cost"],
        )
        assert [] == [p for p in await world.all(POD) if FINALIZER_OUTCOME in (p["metadata"].get("finalizers") or ())]


async def test_a_task_costs_five_writes():
    """Thousands of Tasks share one API server."""
    async with World() as world:
        await world.create(TASK, make.task_manifest())
        process = await world.run_process()

        await settle(world, process)

        writes = [write for write in process.cluster.writes if write != "create Event"]
        assert ["create Job", "status Task", "status Task", "status Task", "patch Pod"] == writes


async def test_a_watch_that_lags_costs_no_more_writes():
    """News of the pod arrive before the Task as our own write left it: no write may be tried on the old one."""
    async with World() as world:
        await world.create(TASK, make.task_manifest())
        late = LateTasks(world.cluster)
        process = await world.run_process(through=late)

        await settle(world, process)

        assert "Succeeded" == (await world.task())["status"]["phase"]
        assert ["Pending", "Running", "Succeeded"] == late.tried


class LateTasks:
    """A cluster whose watch of Tasks lags behind all others; it remembers the phases that were to be written."""

    def __init__(self, cluster):
        self._cluster = cluster
        self.tried = []

    def __getattr__(self, name):
        return getattr(self._cluster, name)

    async def patch(self, kind, namespace, name, body, **options):
        if kind is TASK:
            self.tried.append(body["status"]["phase"])
        return await self._cluster.patch(kind, namespace, name, body, **options)

    async def watch(self, kind, *where, **options):
        async for change in self._cluster.watch(kind, *where, **options):
            for _ in range(200 if kind is TASK else 0):
                await asyncio.sleep(0)
            yield change


@pytest.mark.parametrize("dies_after", DEATHS)
async def test_a_failed_task_keeps_its_cost_and_reason(dies_after):
    async with World() as world:
        failed = Outcome(reason=Reason.AGENT_ERROR, message="boom", usage=Usage(cost_usd="0.1"))
        world.kubernetes.runs = [Run(exit_code=1, outcome=failed)]
        await world.create(TASK, make.task_manifest())

        await settle(world, await world.run_process(dies_after))

        status = (await world.task())["status"]
        assert (1, "AgentError", "0.1") == (len(world.kubernetes.started), status["reason"], status["usage"]["cost"])


@pytest.mark.parametrize("dies_after", DEATHS)
async def test_a_cancelled_task_ends_with_its_outcome_and_without_its_job(dies_after):
    """Nothing keeps spending, nothing is lost."""
    async with World() as world:
        stopped = Outcome(reason=Reason.CANCELLED, message="stopped", usage=Usage(cost_usd="0.03"))
        world.kubernetes.runs = [Run(exit_code=88, outcome=stopped, stays=True)]
        await world.create(TASK, make.task_manifest(startTimeoutSeconds=100000))
        process = await settle(world, await world.run_process(dies_after))
        await world.annotate("fix-bug", **{"kelos.dev/cancel-requested": '{"by":"ann"}'})

        await settle(world, process)

        status = (await world.task())["status"]
        assert ("Failed", "Cancelled", "0.03") == (status["phase"], status["reason"], status["usage"]["cost"])
        assert [] == await world.all(JOB)


@pytest.mark.parametrize("dies_after", DEATHS)
async def test_a_branch_is_worked_on_by_one_task_at_a_time(dies_after):
    """Two agents that push to one branch destroy each other's work."""
    async with World() as world:
        await world.create(WORKSPACE, make.workspace_manifest())
        for name in ("a", "b", "c"):
            await world.create(TASK, make.task_manifest(name, branch="feature", workspaceRef={"name": "repo"}))

        await settle(world, await world.run_process(dies_after))

        assert (["a", "b", "c"], 1) == (sorted(world.kubernetes.started), world.kubernetes.at_once)
        assert [] == await world.all(LEASE)


async def test_a_dependent_gets_the_results_of_a_task_that_expires_at_once():
    """TTL 0 must not lose what the next one needs."""
    async with World() as world:
        world.kubernetes.runs = [Run(outcome=DONE)]
        await world.create(TASK, make.task_manifest("first", ttlSecondsAfterFinished=0))
        prompt = 'Go on at {{index .Deps "first" "Results" "branch"}}'
        await world.create(TASK, make.task_manifest("second", prompt=prompt, dependsOn=["first"]))

        await settle(world, await world.run_process())

        (job,) = [j for j in await world.all(JOB) if j["metadata"]["name"] == "second"]
        assert ["second"] == [task["metadata"]["name"] for task in await world.all(TASK)]
        assert ["Go on at feature"] == job["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("dies_after", [None, *range(1, 13)])
async def test_what_a_task_went_without_is_told_however_the_controller_dies(dies_after):
    """A crash between the Job and the status that tells of it would else hide a prompt that was sent as written."""
    async with World() as world:
        await world.create(TASK, make.task_manifest("first"))
        ours = {"env": [{"name": ENV_TASK_NAME, "value": "another"}]}
        wrong = make.task_manifest("second", prompt="{{.Nonsense", dependsOn=["first"], podOverrides=ours)
        await world.create(TASK, wrong)

        await settle(world, await world.run_process(dies_after))

        told = {c["type"]: c["status"] for c in (await world.task("second"))["status"]["conditions"]}
        expected = {"InputsReady": "True", "PromptRendered": "False", "FullyApplied": "False", "Succeeded": "True"}
        assert expected == {type: value for type, value in told.items() if type in expected}


@pytest.mark.parametrize("dies_after", DEATHS)
async def test_every_member_of_a_circle_fails_for_the_circle(dies_after):
    """They fail one after the other; who only depends on a member fails for that."""
    async with World() as world:
        for name, dependency in (("a", "b"), ("b", "c"), ("c", "a"), ("outside", "a")):
            await world.create(TASK, make.task_manifest(name, dependsOn=[dependency]))

        await settle(world, await world.run_process(dies_after))

        reasons = [(await world.task(name))["status"]["reason"] for name in ("a", "b", "c", "outside")]
        assert ["DependencyCycle"] * 3 + ["DependencyFailed"] == reasons


@pytest.mark.parametrize("dies_after", DEATHS)
async def test_a_wrong_pod_leaves_nothing_behind(dies_after):
    """Nor does the branch stay locked for those who come after."""
    async with World() as world:
        await world.create(WORKSPACE, make.workspace_manifest())
        wrong = {"volumeMounts": [{"name": "nowhere", "mountPath": "/data"}]}
        spec = {"prompt": "x" * 100_000, "branch": "feature", "workspaceRef": {"name": "repo"}, "podOverrides": wrong}
        await world.create(TASK, make.task_manifest(**spec))

        await settle(world, await world.run_process(dies_after))

        status = (await world.task())["status"]
        assert ("Failed", "InvalidSpec") == (status["phase"], status["reason"])
        assert "spec.podOverrides.volumeMounts[0].name" in status["message"]
        assert ([], [], [], []) == tuple([await world.all(kind) for kind in (JOB, POD, SECRET, LEASE)])


@pytest.mark.parametrize("dies_after", DEATHS)
async def test_a_deleted_task_leaves_nothing_behind(dies_after):
    """No pod may wait for somebody who is gone."""
    async with World() as world:
        world.kubernetes.runs = [Run(exit_code=88, outcome=None, stays=True)]
        await world.create(TASK, make.task_manifest(startTimeoutSeconds=100000, prompt="x" * 100_000))
        process = await settle(world, await world.run_process(dies_after))
        await world.cluster.delete(TASK, make.NAMESPACE, "fix-bug")

        await settle(world, process)

        assert ([], [], [], []) == tuple([await world.all(kind) for kind in (TASK, JOB, POD, SECRET)])


async def test_a_job_deleted_by_somebody_fails_the_task_and_is_not_repeated():
    async with World() as world:
        world.kubernetes.runs = [Run(exit_code=88, outcome=None, stays=True)]
        await world.create(TASK, make.task_manifest(startTimeoutSeconds=100000))
        process = await settle(world, await world.run_process())
        await world.cluster.delete(JOB, make.NAMESPACE, "fix-bug")

        await settle(world, process)

        assert "JobDeleted" == (await world.task())["status"]["reason"]
        assert 1 == len(world.kubernetes.started)


@pytest.mark.parametrize("dies_after", DEATHS)
@pytest.mark.parametrize("copies", [0, 1])
async def test_a_task_that_never_starts_ends_after_its_start_timeout(copies, dies_after):
    """Whether its pod waits for an image, or was never made: the reason must outlive the Job's suspension."""
    async with World() as world:
        world.kubernetes.copies = lambda: copies
        world.kubernetes.runs = [Run(starts=False)]
        await world.create(TASK, make.task_manifest(startTimeoutSeconds=60))

        await settle(world, await world.run_process(dies_after))

        status = (await world.task())["status"]
        assert ("Failed", "StartTimeout") == (status["phase"], status["reason"])
        assert [] == world.kubernetes.started


async def test_a_pod_that_only_claims_to_be_ours_decides_nothing():
    """Its label names the Task, but no Job of ours made it."""
    async with World() as world:
        world.kubernetes.runs = [
            Run(exit_code=1, outcome=Outcome(reason=Reason.AGENT_ERROR, message="boom"), stays=True)
        ]
        task = await world.create(TASK, make.task_manifest(startTimeoutSeconds=100000))
        process = await settle(world, await world.run_process())
        labels = {LABEL_TASK_UID: task["metadata"]["uid"], LABEL_TASK: "fix-bug"}
        meta = {"name": "liar", "namespace": make.NAMESPACE, "labels": labels, "annotations": {LABEL_TASK: "fix-bug"}}
        spec = {"nodeName": "played", "containers": [{"name": "kelos-agent", "image": "x"}]}
        await world.create(POD, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})

        await settle(world, process)

        assert "Running" == (await world.task())["status"]["phase"]
