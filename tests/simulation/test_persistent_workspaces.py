"""A persistent Workspace: one claim, one Task at a time, whatever happens to the controller."""

from __future__ import annotations

import pytest

import make
from kelos.api.kinds import LEASE, PVC, TASK, WORKSPACE
from world import Process, Run, World, settle

pytestmark = pytest.mark.anyio

DEATHS = [None, *range(1, 13)]


async def with_tasks(world: World, *names: str, **spec: object) -> None:
    await world.create(WORKSPACE, make.workspace_manifest(persistent=True))
    for name in names:
        await world.create(TASK, make.task_manifest(name, workspaceRef={"name": "repo"}, **spec))


@pytest.mark.parametrize("dies_after", DEATHS)
@pytest.mark.parametrize("branches", [None, "feature"])
async def test_its_tasks_run_one_after_the_other(dies_after, branches):
    """With a branch besides there are two locks, which must not be taken crosswise."""
    async with World() as world:
        await with_tasks(world, "a", "b", "c", branch=branches)

        await settle(world, await world.run_process(dies_after))

        assert (["a", "b", "c"], 1) == (sorted(world.kubernetes.started), world.kubernetes.at_once)
        assert ([], ["repo"]) == (
            await world.all(LEASE),
            [claim["metadata"]["name"] for claim in await world.all(PVC)],
        )


async def test_two_workspaces_of_one_branch_wait_for_the_branch_only():
    """Each has a claim of its own."""
    async with World() as world:
        for name in ("one", "two"):
            await world.create(WORKSPACE, make.workspace_manifest(name, persistent=True))
            for number in (1, 2):
                task = make.task_manifest(f"{name}-{number}", branch="feature", workspaceRef={"name": name})
                await world.create(TASK, task)

        await settle(world, await world.run_process())

        assert (4, 1, 2) == (len(world.kubernetes.started), world.kubernetes.at_once, len(await world.all(PVC)))


async def passes(world: World, process: Process) -> None:
    """Some passes over everything, in no time."""
    for _ in range(6):
        for key in await world.keys():
            await world.catch_up()
            await process.reconcile(key)
        await world.kubernetes.step()


async def test_a_task_that_waits_for_its_branch_keeps_nobody_from_the_workspace():
    """Only who waits for nothing else stands in a queue."""
    async with World() as world:
        world.kubernetes.runs = [Run(stays=True)]
        await world.create(WORKSPACE, make.workspace_manifest("elsewhere"))
        busy = make.task_manifest("a-busy", branch="feature", workspaceRef={"name": "elsewhere"})
        await world.create(TASK, busy)
        process = await world.run_process()
        await passes(world, process)
        await with_tasks(world, "b-waits", branch="feature")
        await passes(world, process)
        await world.create(TASK, make.task_manifest("c-free", workspaceRef={"name": "repo"}))

        await passes(world, process)

        found = {name: (await world.task(name))["status"] for name in ("b-waits", "c-free")}
        assert ("BranchHeld", "Succeeded") == (found["b-waits"]["reason"], found["c-free"]["phase"])


async def test_a_claim_of_somebody_else_is_used():
    """A person may have chosen another class."""
    async with World() as world:
        meta = {"name": "repo", "namespace": make.NAMESPACE}
        spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Ti"}}}
        await world.create(PVC, {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec})
        await with_tasks(world, "a")

        await settle(world, await world.run_process())

        (claim,) = await world.all(PVC)
        assert ("Succeeded", "1Ti") == (
            (await world.task("a"))["status"]["phase"],
            claim["spec"]["resources"]["requests"]["storage"],
        )
