"""A Task that misses something starts when it appears: a watch tells, long before the Task would look again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

import make
from kelos.api.kinds import AGENT_CONFIG, CONFIG_MAP, CRD, JOB, NAMESPACE, SECRET, TASK, WORKSPACE, Manifest
from kelos.controllers.task import TaskController
from kelos.errors import NotFound
from kelos.install.crds import build_crds
from kelos.local.cluster import LocalCluster
from kelos.local.server.serving import open_plane
from kelos.local.store import Store
from kelos.settings import Settings
from virtual_time import VirtualLoop
from world import SilentLog

pytestmark = pytest.mark.anyio

WAITED_SECONDS = 130.0
"""By now a Task that waits looks again every half minute only."""
SOON_SECONDS = 1.0
KEY = {"type": "claude-code", "credentials": {"type": "api-key", "secretRef": {"name": "key"}}}
REPO, HOUSE = {"name": "repo"}, {"name": "house"}
ENTRY = {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "modes", "key": "mode"}}}
SERVER = {"name": "notes", "type": "stdio", "command": "notes", "env": [ENTRY]}
MODES = {"metadata": {"name": "modes", "namespace": make.NAMESPACE}, "data": {"mode": "brief"}}


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


def clock() -> datetime:
    return make.NOW + timedelta(seconds=asyncio.get_running_loop().time())


async def controlled() -> tuple[LocalCluster, asyncio.Task[None]]:
    """A cluster with a controller at work."""
    cluster = LocalCluster(open_plane(Store()))
    for crd in build_crds():
        await cluster.create(CRD, crd)
    await cluster.create(NAMESPACE, {"metadata": {"name": make.NAMESPACE}})
    controller = TaskController(
        cluster, settings=Settings(), now=clock, monotonic=asyncio.get_running_loop().time, log=SilentLog()
    )
    work = asyncio.ensure_future(controller.run())
    await controller.wait_synced()
    return cluster, work


async def has_job(cluster: LocalCluster) -> bool:
    try:
        await cluster.get(JOB, make.NAMESPACE, "fix-bug")
    except NotFound:
        return False
    return True


@pytest.mark.parametrize(
    ("spec", "kind", "missing"),
    [
        (KEY, SECRET, make.secret_manifest()),
        ({"workspaceRef": REPO}, WORKSPACE, make.workspace_manifest()),
        ({"type": None, "credentials": None, "worker": {**KEY, "credentials": {"type": "none"}, "workspaceRef": REPO}},
         WORKSPACE, make.workspace_manifest()),
        ({"agentConfigRefs": [HOUSE]}, AGENT_CONFIG, make.agent_config_manifest(agentsMD="Be brief")),
        ({"agentConfigRefs": [HOUSE]}, CONFIG_MAP, MODES),
        ({"dependsOn": ["first"]}, TASK, make.task_manifest("first")),
    ],
    ids=["Secret", "Workspace", "Workspace of worker", "AgentConfig", "ConfigMap", "dependency"],
)  # fmt: skip
async def test_what_a_task_waits_for_wakes_it(spec: Manifest, kind, missing: Manifest):
    """No polling interval passes in between."""
    cluster, work = await controlled()
    if kind is CONFIG_MAP:
        await cluster.create(AGENT_CONFIG, make.agent_config_manifest(mcpServers=[SERVER]))
    manifest = make.task_manifest(**spec)
    manifest["spec"] = {name: value for name, value in manifest["spec"].items() if value is not None}
    await cluster.create(TASK, manifest)
    await asyncio.sleep(WAITED_SECONDS)
    waiting = (await cluster.get(TASK, make.NAMESPACE, "fix-bug"))["status"]

    await cluster.create(kind, missing)
    await asyncio.sleep(SOON_SECONDS)

    there = (await cluster.get(TASK, make.NAMESPACE, "fix-bug"))["status"]
    assert "Waiting" == waiting["phase"]
    assert (there["reason"] == "DependencyUnfinished") if kind is TASK else await has_job(cluster)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
