"""The controller's process reports, without anything else being started."""

from __future__ import annotations

import asyncio

import pytest

import make
import reported
from fakes.github_server.served import served
from fakes.github_server.server import TOKEN, GitHubServer
from kelos.api import names
from kelos.api.kinds import CRD, NAMESPACE, SECRET, TASK
from kelos.cluster.protocol import ChangeType
from kelos.install.crds import build_crds
from kelos.local.cluster import LocalCluster
from kelos.local.server.serving import open_plane
from kelos.local.store import Store
from kelos.processes.controller import run_controller
from kelos.settings import Settings
from world import SilentLog

pytestmark = pytest.mark.anyio

SECONDS = 30.0


async def test_a_task_that_fails_is_told_of_and_then_expires():
    """From the API server over our controller to GitHub's own HTTP; a time to live of 0 loses no report."""
    cluster = LocalCluster(open_plane(Store()))
    for crd in build_crds():
        await cluster.create(CRD, crd)
    await cluster.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": make.NAMESPACE}})
    await cluster.create(SECRET, make.secret_manifest("git", GITHUB_TOKEN=TOKEN))
    github = GitHubServer()
    github.open_issue()
    with served(github) as url:
        annotations, labels = reported.notes(source_api_url=url), {names.LABEL_SPAWNER: reported.SPAWNER}
        meta = {"annotations": annotations, "labels": labels, "finalizers": [names.FINALIZER_REPORT]}
        task = make.task_manifest("loop", meta=meta, dependsOn=["loop"], ttlSecondsAfterFinished=0)
        running = asyncio.ensure_future(run_controller(cluster, settings=Settings(), log=SilentLog()))
        made = await cluster.create(TASK, task)
        async with asyncio.timeout(SECONDS):
            await deleted(cluster, made["metadata"]["resourceVersion"])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    (comment,) = github.shop.comments.listed(github.step)
    assert "Task `loop` has **failed**. ❌" in comment["body"]
    assert "`DependencyCycle`" in comment["body"]


async def deleted(cluster: LocalCluster, version: str) -> None:
    async for change in cluster.watch(TASK, make.NAMESPACE, resource_version=version):
        if change.type is ChangeType.DELETED:
            return
