"""A Task is followed where nobody serves it: a plane without a controller, in this process."""

from __future__ import annotations

import asyncio

import pytest

import make
from kelos.api.kinds import CRD, NAMESPACE, TASK
from kelos.cli.following import follow
from kelos.cli.screen import Terminal
from kelos.install.crds import build_crds
from kelos.local.cluster import LocalCluster
from kelos.local.server.serving import open_plane
from kelos.local.store import Store

pytestmark = pytest.mark.anyio
SECONDS = 60
SUCCEEDED = {"status": {"phase": "Succeeded"}}


async def lonely_cluster() -> LocalCluster:
    """It has the definitions, a Task, and nobody who looks at it."""
    cluster = LocalCluster(open_plane(Store()))
    for crd in build_crds():
        await cluster.create(CRD, crd)
    await cluster.create(NAMESPACE, {"metadata": {"name": make.NAMESPACE}})
    await cluster.create(TASK, make.task_manifest("lonely"))
    return cluster


async def test_a_task_that_nobody_looks_at_is_told_of():
    """Silence looks like an agent at work; and when somebody comes, the Task is followed as ever."""
    cluster, said, is_told = await lonely_cluster(), [], asyncio.Event()

    def say(line: str) -> None:
        said.append(line)
        is_told.set()

    async with asyncio.timeout(SECONDS):
        following = asyncio.create_task(
            follow(cluster, make.NAMESPACE, "lonely", Terminal(), with_logs=False, say=say, quiet_seconds=0)
        )
        await is_told.wait()
        await cluster.patch(TASK, make.NAMESPACE, "lonely", SUCCEEDED, subresource="status")
        await following

    waiting = f"No controller has looked at task/lonely yet; does one serve namespace '{make.NAMESPACE}'? Still waiting"
    assert [waiting, "task/lonely Succeeded"] == said


async def test_a_task_that_is_looked_after_is_not():
    cluster, said = await lonely_cluster(), []
    await cluster.patch(TASK, make.NAMESPACE, "lonely", SUCCEEDED, subresource="status")

    await follow(cluster, make.NAMESPACE, "lonely", Terminal(), with_logs=False, say=said.append)

    assert ["task/lonely Succeeded"] == said
