"""What a controller says of itself: alive while it can do its work, ready once it has read everything."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timezone

import pytest

import make
from kelos.api.kinds import CRD, NAMESPACE, TASK_SPAWNER
from kelos.cluster.watch import SILENT_SECONDS
from kelos.controllers.task import LONGEST_PASS_SECONDS, TaskController
from kelos.errors import NotFound
from kelos.install.crds import build_crds
from kelos.local.cluster import LocalCluster
from kelos.local.server.serving import open_plane
from kelos.local.store import Store
from kelos.settings import Settings
from virtual_time import VirtualLoop
from world import SilentLog

pytestmark = pytest.mark.anyio

HOUR_SECONDS = 3600.0


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


class Mute:
    """A cluster whose lists hang for ever, or not; a kind that it has forgotten is unknown to lists and watches."""

    def __init__(self, cluster, *, hangs):
        self._cluster = cluster
        self._hangs = hangs
        self.forgotten = None

    def __getattr__(self, name):
        return getattr(self._cluster, name)

    async def list(self, *args, **options):
        if self._hangs:
            await asyncio.Event().wait()
        self._ask_for(args[0])
        return await self._cluster.list(*args, **options)

    async def watch(self, kind, *args, **options):
        async for change in self._cluster.watch(kind, *args, **options):
            self._ask_for(kind)
            yield change

    def _ask_for(self, kind):
        if kind is self.forgotten:
            raise NotFound("the server could not find the requested resource")


async def define(cluster, *kinds):
    for crd in build_crds():
        if crd["spec"]["names"]["kind"] in kinds:
            await cluster.create(CRD, crd)


async def build(*, hangs=False, without=(), cluster=None):
    cluster = cluster or Mute(LocalCluster(open_plane(Store())), hangs=hangs)
    kinds = {crd["spec"]["names"]["kind"] for crd in build_crds()}
    await define(cluster, *kinds.difference(without))
    return TaskController(
        cluster,
        settings=Settings(),
        now=lambda: datetime.now(timezone.utc),
        monotonic=lambda: asyncio.get_running_loop().time(),
        log=SilentLog(),
    )


@asynccontextmanager
async def running(controller):
    task = asyncio.ensure_future(controller.run())
    await asyncio.sleep(1)
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_controller_that_works_has_nothing_to_complain_of():
    """A quiet hour is no reason to be started anew."""
    controller = await build()
    async with running(controller):
        await asyncio.sleep(HOUR_SECONDS)

        assert ("", "") == (controller.complaint(), controller.unready())


async def test_nor_has_one_that_waits_for_its_turn():
    """Else a Deployment with two replicas would never be available."""
    controller = await build()
    await asyncio.sleep(HOUR_SECONDS)

    assert ("", "") == (controller.complaint(), controller.unready())


async def test_one_that_still_reads_is_alive_and_not_ready():
    controller = await build(hangs=True)
    async with running(controller):
        assert ("", True) == (controller.complaint(), controller.unready().startswith("Still reading Task, Job"))


async def test_one_that_lacks_a_definition_names_it_and_is_not_started_anew_for_it():
    """Somebody applied the new Deployment before the definitions: starting it again would not help."""
    controller = await build(without=["AgentConfig"])
    async with running(controller):
        await asyncio.sleep(HOUR_SECONDS)

        said = "the API server has no agentconfigs.kelos.dev; apply the definitions of this version"
        assert ("", f"Still reading AgentConfig: {said}") == (controller.complaint(), controller.unready())


async def test_tasks_do_not_wait_for_the_definition_of_taskspawners():
    """It is soon seen when it comes, and until then there is none."""
    cluster = LocalCluster(open_plane(Store()))
    controller = await build(without=["TaskSpawner"], cluster=cluster)
    async with running(controller):
        at_first = controller.unready()
        await asyncio.sleep(HOUR_SECONDS)
        later, in_touch = controller.unready(), controller.caches.spawners.in_touch_since()
        await define(cluster, "TaskSpawner")
        await cluster.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": make.NAMESPACE}})
        await cluster.create(TASK_SPAWNER, make.task_spawner_manifest())
        await asyncio.sleep(60)

        assert at_first.startswith("Still reading TaskSpawner: the API server has no taskspawners.kelos.dev")
        assert ("", "") == (later, controller.complaint())
        assert in_touch is not None
        assert ["bugs"] == [each["metadata"]["name"] for each in controller.caches.spawners.list()]


async def test_a_server_that_forgets_a_definition_for_a_while_takes_no_taskspawner_away():
    """What is gone is let go of: their Tasks would forget who made them."""
    cluster = Mute(LocalCluster(open_plane(Store())), hangs=False)
    controller = await build(cluster=cluster)
    await cluster.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": make.NAMESPACE}})
    await cluster.create(TASK_SPAWNER, make.task_spawner_manifest())
    async with running(controller):
        cluster.forgotten = TASK_SPAWNER
        await cluster.patch(TASK_SPAWNER, make.NAMESPACE, "bugs", {"metadata": {"labels": {"a": "b"}}})
        await asyncio.sleep(HOUR_SECONDS)
        kept, told = controller.caches.spawners.list(), controller.caches.spawners.freshness().last_error
        cluster.forgotten = None
        await asyncio.sleep(60)

        assert "the API server has no taskspawners.kelos.dev" in told
        assert ["bugs"] == [each["metadata"]["name"] for each in kept]
        assert [{"a": "b"}] == [each["metadata"].get("labels") for each in controller.caches.spawners.list()]


async def test_one_whose_watch_is_stuck_says_so():
    """A kubelet starts it anew."""
    controller = await build(hangs=True)
    async with running(controller):
        await asyncio.sleep(SILENT_SECONDS)

        assert "Nothing was heard about kind Task for 601 seconds" == controller.complaint()


async def test_one_whose_pass_never_ends_says_so():
    controller = await build()
    controller.queue.add(("team", "fix-bug"))
    await controller.queue.get()
    await asyncio.sleep(LONGEST_PASS_SECONDS + 1)

    assert "A pass over Task 'fix-bug' in namespace 'team' has lasted 601 seconds" == controller.complaint()
