"""The controller's Role is what it uses: nothing is missing, and nothing is there for later."""

from __future__ import annotations

from contextlib import suppress

import pytest

import app_keys
import make
from kelos.api import names
from kelos.api.kinds import AGENT_CONFIG, CONFIG_MAP, SECRET, TASK, TASK_SPAWNER, WORKSPACE
from kelos.api.outcome import Outcome, Usage
from kelos.api.reasons import Reason
from kelos.install import rbac
from kelos.spawning.ledger import writing
from rights import NOT_A_VERB, Recording, Right, rights
from simulation.spawning.engines import engine
from simulation.spawning.people import spawner_manifest
from world import Died, Run, World, settle

pytestmark = pytest.mark.anyio

STOPPED = Outcome(reason=Reason.CANCELLED, message="stopped", usage=Usage(cost_usd="0.25"))


async def everyday(world: World, used: set[Right]) -> None:
    """Long prompts, branches that are handed over, expiry, and an image that only prints markers."""
    world.kubernetes.runs = [Run(outcome=None)]
    await world.create(WORKSPACE, make.workspace_manifest())
    await world.create(TASK, make.task_manifest("long", prompt="x" * 100_000, ttlSecondsAfterFinished=0))
    for name in ("first", "second", "third"):
        await world.create(TASK, make.task_manifest(name, branch="feature", workspaceRef={"name": "repo"}))
    await settle(world, await world.run_process(through=Recording(world.cluster, used)))


async def missing(world: World, used: set[Right]) -> None:
    """A Secret and a ConfigMap that come late, and a pod that does not start."""
    credentials = {"type": "api-key", "secretRef": {"name": "key"}}
    value = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "flags", "key": "a"}}}
    server = {"name": "crm", "type": "stdio", "command": "crm", "env": [value]}
    config = make.agent_config_manifest("house", mcpServers=[server])
    world.kubernetes.runs = [Run(starts=False)]
    await world.create(AGENT_CONFIG, config)
    agent = {"type": "claude-code", "credentials": credentials, "agentConfigRefs": [{"name": "house"}]}
    await world.create(TASK, make.task_manifest(**agent))
    process = await world.run_process(through=Recording(world.cluster, used))
    flags = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags", "namespace": make.NAMESPACE}}
    flags["data"] = {"a": "1"}
    for kind, late in ((SECRET, make.secret_manifest()), (CONFIG_MAP, flags)):
        await process.reconcile((make.NAMESPACE, "fix-bug"))
        await world.catch_up()
        await world.create(kind, late)
    await settle(world, process)


async def stopped(world: World, used: set[Right]) -> None:
    """A drained node, and a cancel."""
    world.kubernetes.runs = [Run(exit_code=88, outcome=STOPPED, stays=True) for _ in range(3)]
    await world.create(TASK, make.task_manifest(startTimeoutSeconds=100_000))
    process = await settle(world, await world.run_process(through=Recording(world.cluster, used)))
    (pod,) = await world.kubernetes.running()
    await world.kubernetes.drain(pod)
    process = await settle(world, process)
    await world.annotate("fix-bug", **{"kelos.dev/cancel-requested": "{}"})
    await settle(world, process)


async def of_an_app(world: World, used: set[Right]) -> None:
    """The token of a GitHub App, renewed while the agent runs, and a checkout that is kept."""
    await world.create(SECRET, app_keys.app_secret())
    await world.create(WORKSPACE, make.workspace_manifest(secretRef={"name": "app"}, persistent=True))
    world.kubernetes.runs = [Run(stays=True)]
    await world.create(TASK, make.task_manifest(workspaceRef={"name": "repo"}))
    process = await world.run_process(through=Recording(world.cluster, used))
    while len(world.github.minted) < 2:
        await world.catch_up()
        again = await process.reconcile((make.NAMESPACE, "fix-bug"))
        await world.kubernetes.step()
        world.sleep(again or 60.0)
    await process.reconcile((make.NAMESPACE, "fix-bug"))


async def taken_over(world: World, used: set[Right], dies_after: int) -> None:
    """A branch whose holder has ended, and the controller with it before it could give the branch back."""
    await world.create(WORKSPACE, make.workspace_manifest())
    held = {"branch": "feature", "workspaceRef": {"name": "repo"}, "startTimeoutSeconds": 100_000}
    world.kubernetes.runs = [Run(exit_code=88, outcome=STOPPED, stays=True)]
    await world.create(TASK, make.task_manifest("second", **held))
    process = await settle(world, await world.run_process(through=Recording(world.cluster, used)))
    await world.create(TASK, make.task_manifest("first", **held))
    await process.reconcile((make.NAMESPACE, "first"))
    await process.stop()
    world.processes.remove(process)
    await world.annotate("second", **{"kelos.dev/cancel-requested": "{}"})
    process = await world.run_process(dies_after, through=Recording(world.cluster, used))
    with suppress(Died):
        while await world.kubernetes.running():
            await process.reconcile((make.NAMESPACE, "second"))
            await world.kubernetes.step()
            await world.catch_up()
        await process.reconcile((make.NAMESPACE, "second"))
    await settle(world, await world.run_process(through=Recording(world.cluster, used)))


async def spawning(world: World, used: set[Right], patch: pytest.MonkeyPatch) -> None:
    """A schedule and its ledger, which is cut often; a TaskSpawner of the reference that is taken away."""
    patch.setattr(writing, "HEAD_BYTES", 100)
    when = {"cron": {"schedule": "* * * * *", "missedRuns": "All"}}
    await world.create(WORKSPACE, make.workspace_manifest())
    await world.create(TASK_SPAWNER, spawner_manifest("nightly", when=when))
    async with engine(Recording(world.cluster, used), world.now) as running:
        for _ in range(40):
            world.sleep(30.0)
            await running.reconcile((make.NAMESPACE, "nightly"))
            await world.catch_up()
        finalizers = {"metadata": {"finalizers": [names.FINALIZER_SPAWNER]}}
        await world.cluster.patch(TASK_SPAWNER, make.NAMESPACE, "nightly", finalizers)
        await world.cluster.delete(TASK_SPAWNER, make.NAMESPACE, "nightly")
        await world.catch_up()
        await running.reconcile((make.NAMESPACE, "nightly"))
        await world.catch_up()
        orphan = {"finalizers": [names.FINALIZER_SPAWNED], "labels": {names.LABEL_SPAWNER: "nightly"}}
        await world.create(TASK, make.task_manifest("orphan", meta=orphan))
        await world.catch_up()
        await running.reconcile((make.NAMESPACE, "nightly"))


async def test_the_role_is_exactly_what_is_used(monkeypatch):
    """Whoever needs one more right, or one less, says so in `install/rbac.py`."""
    used: set[Right] = set()
    async with World() as world:
        await spawning(world, used, monkeypatch)
    for scene in (everyday, missing, stopped, of_an_app):
        async with World() as world:
            await scene(world, used)
    for dies_after in range(1, 7):
        async with World() as world:
            await taken_over(world, used, dies_after)

    assert rights(rbac.RULES) - {NOT_A_VERB} == used
