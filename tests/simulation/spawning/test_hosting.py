"""Two processes and one TaskSpawner: who makes objects, who looks, and who speaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import pytest

import make
from kelos.api.kinds import (
    CONFIG_MAP,
    CRON_JOB,
    DEPLOYMENT,
    ROLE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    TASK,
    TASK_SPAWNER,
    WORKSPACE,
    Manifest,
)
from kelos.api.names import FINALIZER_SPAWNED, LABEL_SPAWNER
from kelos.controllers.reading import find
from kelos.controllers.task_spawner.engine import SpawnerController
from kelos.errors import Conflict, KelosError
from kelos.install import rbac
from kelos.processes.spawner import SpawnerOptions, Tally, settle
from kelos.settings import Settings
from kelos.spawning.hosting.rights import rules
from kelos.spawning.ledger import writing
from kelos.telemetry.metrics import Metrics
from rights import Recording, Right, rights
from simulation.spawning.engines import engine
from simulation.spawning.people import spawner_manifest
from world import Deadly, Died, World

pytestmark = pytest.mark.anyio

NAME, OBJECT = "nightly", "kelos-spawner-nightly"
KEY = (make.NAMESPACE, NAME)
CRON = {"cron": {"schedule": "* * * * *", "missedRuns": "All"}}
ISSUES: Manifest = {"githubIssues": {}}
OPTIONS = SpawnerOptions(namespace=make.NAMESPACE, name=NAME)
HOSTS = Settings(spawner_image="registry.invalid/kelos:1")
KINDS = (SERVICE_ACCOUNT, ROLE, ROLE_BINDING, DEPLOYMENT, CRON_JOB)


@asynccontextmanager
async def shared(world: World, through: Any = None, settings: Settings = HOSTS) -> AsyncIterator[SpawnerController]:
    async with engine(through or world.cluster, world.now, settings=settings) as running:
        yield running


@asynccontextmanager
async def own(world: World, through: Any = None) -> AsyncIterator[SpawnerController]:
    async with engine(through or world.cluster, world.now, is_own=True) as running:
        yield running


async def rest(world: World, running: SpawnerController) -> float | None:
    """Pass after pass until there is nothing to do at once."""
    for _ in range(30):
        await world.catch_up()
        again = await running.reconcile(KEY)
        if again is None or again > 5.0:
            await world.catch_up()
            return again
        world.sleep(again)
    raise AssertionError("no rest")


async def spawner(world: World, **spec: Any) -> None:
    await world.create(WORKSPACE, make.workspace_manifest())
    await world.create(TASK_SPAWNER, spawner_manifest(NAME, **{"isolation": "Dedicated", **spec}))


async def change(world: World, **spec: Any) -> None:
    await world.cluster.patch(TASK_SPAWNER, make.NAMESPACE, NAME, {"spec": spec})


async def there(world: World) -> list[str]:
    return [kind.kind for kind in KINDS if await find(world.cluster, kind, make.NAMESPACE, OBJECT)]


async def status(world: World) -> dict[str, Any]:
    """With conditions by type."""
    found = (await world.cluster.get(TASK_SPAWNER, *KEY))["status"]
    conditions = {each["type"]: (each["status"], each["reason"]) for each in found.get("conditions", ())}
    return {**found, **conditions}


async def tasks(world: World) -> list[Manifest]:
    return list((await world.cluster.list(TASK, make.NAMESPACE)).items)


async def test_a_poller_gets_its_process_and_is_left_to_it():
    """The shared engine makes no Task of it, and says what runs it."""
    async with World() as world, shared(world) as engine_of_all:
        await spawner(world, when=ISSUES)
        await rest(world, engine_of_all)

        said = await status(world)
        found = await there(world)

    assert ["ServiceAccount", "Role", "RoleBinding", "Deployment"] == found
    assert (OBJECT, ("True", "DeploymentApplied")) == (said["deploymentName"], said["Hosted"])
    assert ("Pending", ("Unknown", "NotLooked")) == (said["phase"], said["Ready"])


async def test_the_process_makes_the_tasks_and_says_how_it_is():
    """Both at work on one ledger: each tick becomes one Task, and its state stays what its process says."""
    async with World() as world, shared(world) as engine_of_all:
        await spawner(world, when=CRON)
        await rest(world, engine_of_all)
        world.sleep(150.0)
        await rest(world, engine_of_all)
        before = await tasks(world)
        async with own(world) as alone:
            await rest(world, alone)
            await rest(world, engine_of_all)
        made, said = await tasks(world), await status(world)

    ticks = len(made)
    assert ([], True) == (before, ticks >= 2)
    assert ("Running", ("True", "Discovering")) == (said["phase"], said["Ready"])
    assert (OBJECT, ticks, ticks) == (said["cronJobName"], said["activeTasks"], said["totalTasksCreated"])
    assert not any(task["metadata"].get("finalizers") for task in made)


async def test_a_suspended_spawner_is_the_engines_again():
    """Nothing runs that could speak for it; resumed, it is handed over anew."""
    async with World() as world, shared(world) as engine_of_all:
        await spawner(world, when=ISSUES)
        await rest(world, engine_of_all)
        await change(world, suspend=True)
        async with own(world) as alone:
            assert await alone.reconcile(KEY) is None
        await rest(world, engine_of_all)
        stopped = (await world.cluster.get(DEPLOYMENT, make.NAMESPACE, OBJECT))["spec"]["replicas"]
        suspended = await status(world)
        await change(world, suspend=False)
        await rest(world, engine_of_all)
        resumed = await status(world)
        runs = (await world.cluster.get(DEPLOYMENT, make.NAMESPACE, OBJECT))["spec"]["replicas"]

    assert (0, "Suspended", ("True", "UserSuspended")) == (stopped, suspended["phase"], suspended["Suspended"])
    assert (1, "Pending", ("False", "Running")) == (runs, resumed["phase"], resumed["Suspended"])


async def test_a_process_says_nothing_of_a_spawner_at_rest():
    """One voice at a time: suspended or being deleted, it is the shared engine's, and so are orphans."""
    used: set[Right] = set()
    orphan = {"finalizers": [FINALIZER_SPAWNED], "labels": {LABEL_SPAWNER: NAME}}
    async with World() as world, shared(world) as engine_of_all, own(world, Recording(world.cluster, used)) as alone:
        await spawner(world, when=CRON)
        await rest(world, engine_of_all)
        await change(world, suspend=True)
        before = used.copy()
        await rest(world, alone)
        await world.cluster.delete(TASK_SPAWNER, make.NAMESPACE, NAME)
        await world.create(TASK, make.task_manifest("orphan", meta=orphan))
        await rest(world, alone)

    assert before == used


async def test_back_among_the_others_nothing_is_left():
    """Objects first, the word of them last."""
    async with World() as world, shared(world) as engine_of_all:
        await spawner(world, when=CRON)
        await rest(world, engine_of_all)
        had = await there(world)
        await change(world, isolation="Shared")
        world.sleep(60.0)
        await rest(world, engine_of_all)
        left, said, made = await there(world), await status(world), await tasks(world)

    assert (["ServiceAccount", "Role", "RoleBinding", "CronJob"], []) == (had, left)
    assert (False, False, True) == ("cronJobName" in said, "Hosted" in said, len(made) >= 1)


async def test_another_source_is_another_workload():
    """A schedule that becomes a poller leaves no CronJob."""
    async with World() as world, shared(world) as engine_of_all:
        await spawner(world, when=CRON)
        await rest(world, engine_of_all)
        await change(world, when={"cron": None, **ISSUES})
        await rest(world, engine_of_all)
        found, said = await there(world), await status(world)

    assert ["ServiceAccount", "Role", "RoleBinding", "Deployment"] == found
    assert (OBJECT, False) == (said["deploymentName"], "cronJobName" in said)


async def test_an_object_of_somebody_else_is_never_touched():
    """The spawner says why it rests, and goes on when the name is free; the shared engine does not step in."""
    meta = {"name": OBJECT, "namespace": make.NAMESPACE, "labels": {"team": "other"}}
    theirs = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}
    async with World() as world, shared(world) as engine_of_all:
        await world.create(SERVICE_ACCOUNT, theirs)
        await spawner(world, when=CRON)
        world.sleep(120.0)
        again = await rest(world, engine_of_all)
        said, found, made = await status(world), await there(world), await tasks(world)
        kept = await world.cluster.get(SERVICE_ACCOUNT, make.NAMESPACE, OBJECT)
        await world.cluster.delete(SERVICE_ACCOUNT, make.NAMESPACE, OBJECT)
        await rest(world, engine_of_all)
        after = await status(world)

    assert (60.0, "Failed", ("False", "NameTaken")) == (again, said["phase"], said["Hosted"])
    assert f"ServiceAccount '{OBJECT}' exists and belongs to somebody else" in said["message"]
    assert (["ServiceAccount"], [], {"team": "other"}) == (found, made, kept["metadata"]["labels"])
    assert ("Running", ("True", "CronJobApplied")) == (after["phase"], after["Hosted"])


async def test_where_nothing_is_run_it_is_done_together_with_the_others():
    """Nothing is lost, and it is said."""
    async with World() as world, shared(world, settings=Settings(spawner_image=None)) as engine_of_all:
        await spawner(world, when=CRON)
        await rest(world, engine_of_all)
        world.sleep(60.0)
        await rest(world, engine_of_all)
        said, found, made = await status(world), await there(world), await tasks(world)

    assert (("False", "NoDeployments"), "Running", [], True) == (said["Hosted"], said["phase"], found, len(made) >= 1)


@pytest.mark.parametrize("dies_after", range(1, 26, 3))
async def test_the_shared_engine_may_die_at_any_write(dies_after):
    """Whoever comes next completes what was begun, and finds what is to be taken away."""
    async with World() as world:
        await spawner(world, when=CRON)
        deadly = Deadly(world.cluster, dies_after)
        deadly = await survive(world, deadly)
        scheduled = await there(world), (await status(world))["Hosted"]
        await change(world, when={"cron": None, **ISSUES})
        deadly = await survive(world, deadly)
        polled = await there(world), (await status(world))["Hosted"]
        await change(world, isolation="Shared", when=CRON | {"githubIssues": None})
        deadly = await survive(world, deadly)
        left, said = await there(world), await status(world)

    rights = ["ServiceAccount", "Role", "RoleBinding"]
    assert ([*rights, "CronJob"], ("True", "CronJobApplied")) == scheduled
    assert ([*rights, "Deployment"], ("True", "DeploymentApplied")) == polled
    assert ([], False, False) == (left, "Hosted" in said, "deploymentName" in said)


async def survive(world: World, through: Deadly) -> Deadly:
    """One engine after another until all is done; what the last one works through."""
    while True:
        async with shared(world, through) as running:
            with suppress(Died):
                await rest(world, running)
                return through
        through = Deadly(world.cluster, None)


@pytest.mark.parametrize("seed", range(4))
async def test_processes_that_overlap_make_each_task_once(seed):
    """During a handover the old one may still be at work, and the shared one keeps books: in any order of passes."""
    order = Random(seed)
    async with World() as world, shared(world) as engine_of_all, own(world) as first, own(world) as second:
        await spawner(world, when=CRON)
        await rest(world, engine_of_all)
        for _ in range(40):
            world.sleep(order.choice([0.0, 20.0, 45.0]))
            if order.random() < 0.6:
                await world.catch_up()
            passes = [each.reconcile(KEY) for each in (engine_of_all, first, second) if order.random() < 0.7]
            results = await asyncio.gather(*passes, return_exceptions=True)
            assert [] == [each for each in results if isinstance(each, Exception) and not isinstance(each, Conflict)]
        for running in (first, second, engine_of_all):
            await rest(world, running)
        made, said = await tasks(world), await status(world)

    items = [json.loads(task["metadata"]["annotations"]["kelos.dev/item"])["key"] for task in made]
    assert (len(set(items)), said["totalTasksCreated"]) == (len(items), len(items))
    assert len(items) >= 5
    assert not any(task["metadata"].get("finalizers") for task in made)


async def test_its_rights_follow_the_workspace():
    """A Secret that the Workspace names anew can be read at once, the old one no longer."""
    async with World() as world, shared(world) as engine_of_all:
        await spawner(world, when=ISSUES)
        await rest(world, engine_of_all)
        before = await secrets_within_reach(world)
        for name in ("old", "new"):
            await world.cluster.patch(WORKSPACE, make.NAMESPACE, "repo", {"spec": {"secretRef": {"name": name}}})
            await rest(world, engine_of_all)
        after = await secrets_within_reach(world)

    assert ([], [["new"]]) == (before, after)


async def secrets_within_reach(world: World) -> list[list[str]]:
    role = await world.cluster.get(ROLE, make.NAMESPACE, OBJECT)
    return [rule["resourceNames"] for rule in role["rules"] if rule["resources"] == ["secrets"]]


async def test_one_run_makes_all_that_is_due_and_notes_it():
    """Afterwards nobody is there who could."""
    async with World() as world, shared(world) as engine_of_all:
        await spawner(world, when=CRON)
        await rest(world, engine_of_all)
        world.sleep(600.0)
        async with own(world) as alone:
            await settle(alone, Tally(Metrics()), OPTIONS)
        made = await tasks(world)

    assert len(made) >= 10
    assert not any(task["metadata"].get("finalizers") for task in made)


async def test_a_run_that_went_wrong_says_so():
    """Its exit code is all that a CronJob sees."""
    async with World() as world, shared(world) as engine_of_all:
        await spawner(world, when=CRON)
        await rest(world, engine_of_all)
        (ledger,) = (await world.cluster.list(CONFIG_MAP, make.NAMESPACE)).items
        await world.cluster.patch(CONFIG_MAP, make.NAMESPACE, ledger["metadata"]["name"], {"data": {"state": "{"}})
        async with own(world) as alone:
            with pytest.raises(KelosError, match="says what was handled already and cannot be read"):
                await settle(alone, Tally(Metrics()), OPTIONS)


async def test_a_run_for_nobody_says_so():
    """A name that is mistyped is no schedule without ticks."""
    async with World() as world, own(world) as alone:
        with pytest.raises(KelosError, match="TaskSpawner 'nightly' does not exist in namespace 'team'"):
            await settle(alone, Tally(Metrics()), OPTIONS)


async def test_a_status_that_is_right_is_not_written_again():
    """Two processes that correct each other would never rest."""
    async with World() as world, shared(world) as engine_of_all, own(world) as alone:
        await spawner(world, when={"cron": {"schedule": "0 0 1 1 *"}})
        for running in (engine_of_all, alone, engine_of_all):
            await rest(world, running)
        before = await world.cluster.get(TASK_SPAWNER, *KEY)
        for running in (alone, engine_of_all, alone, engine_of_all):
            await rest(world, running)
        after = await world.cluster.get(TASK_SPAWNER, *KEY)

    assert before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]


async def test_rights_are_what_is_used(monkeypatch):
    """Those to give processes, beyond those to spawn, and those of a process itself."""
    monkeypatch.setattr(writing, "HEAD_BYTES", 100)
    used: set[Right] = set()
    alone_used: set[Right] = set()
    async with World() as world, shared(world, Recording(world.cluster, used)) as engine_of_all:
        await spawner(world, when=CRON)
        await rest(world, engine_of_all)
        async with own(world, Recording(world.cluster, alone_used)) as alone:
            for _ in range(20):
                world.sleep(60.0)
                await rest(world, alone)
        for kind in KINDS[:-2]:
            await world.cluster.patch(kind, make.NAMESPACE, OBJECT, {"metadata": {"labels": {"x": "y"}}})
        for when in ({"cron": None, **ISSUES}, {"githubIssues": None, **CRON}):
            await change(world, when=when)
            await rest(world, engine_of_all)
        await mend_all(world, engine_of_all)
        await change(world, isolation="Shared")
        await rest(world, engine_of_all)

    hosting = rights(rbac.HOSTING_RULES)
    assert hosting == {right for right in used if right not in rights(rbac.RULES)}
    granted = {(group, what, verb) for group, what, verbs, _ in rules(make.task_spawner(), None) for verb in verbs}
    # Deleted is a Task that came too late, see the simulation.
    assert granted - {("kelos.dev", "tasks", "delete")} == alone_used
    assert granted <= rights(rbac.RULES)


async def mend_all(world: World, running: SpawnerController) -> None:
    """Everything is spoilt, for a poller and for a schedule."""
    for when in ({"cron": None, **ISSUES}, {"githubIssues": None, **CRON}):
        await change(world, when=when)
        await rest(world, running)
        for kind in KINDS:
            if await find(world.cluster, kind, make.NAMESPACE, OBJECT):
                spoilt = {"metadata": {"labels": {"kelos.dev/name": "x"}}}
                await world.cluster.patch(kind, make.NAMESPACE, OBJECT, spoilt)
        world.sleep(400.0)
        await rest(world, running)
