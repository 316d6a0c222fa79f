"""The controller's process reports, without anything else being started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

import make
import reported
from fakes.github_server.served import served
from fakes.github_server.server import TOKEN, GitHubServer
from kelos.api import names
from kelos.api.kinds import CRD, NAMESPACE, SECRET, TASK, TASK_SPAWNER, WORKSPACE
from kelos.cluster.protocol import ChangeType
from kelos.install.crds import build_crds
from kelos.local.cluster import LocalCluster
from kelos.local.server.serving import open_plane
from kelos.local.store import Store
from kelos.processes.controller import run_controller
from kelos.settings import Settings
from world import SilentLog

pytestmark = pytest.mark.anyio

SECONDS = 90.0


@asynccontextmanager
async def controller(*, may_reach_loopback: bool = True) -> AsyncIterator[tuple[LocalCluster, GitHubServer, str]]:
    """The process, its cluster, a GitHub and the root of its API."""
    cluster = LocalCluster(open_plane(Store()))
    for crd in build_crds():
        await cluster.create(CRD, crd)
    await cluster.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": make.NAMESPACE}})
    await cluster.create(SECRET, make.secret_manifest("git", GITHUB_TOKEN=TOKEN))
    github = GitHubServer()
    with served(github) as url:
        shop = f"{url.removesuffix('/api/v3')}/acme/shop.git"
        await cluster.create(WORKSPACE, make.workspace_manifest(repo=shop, secretRef={"name": "git"}))
        process = run_controller(cluster, settings=Settings(), log=SilentLog(), may_reach_loopback=may_reach_loopback)
        running = asyncio.ensure_future(process)
        try:
            async with asyncio.timeout(SECONDS):
                yield cluster, github, url
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def gone(cluster: LocalCluster, version: str) -> None:
    """Wait until a Task is deleted."""
    async for change in cluster.watch(TASK, make.NAMESPACE, resource_version=version):
        if change.type is ChangeType.DELETED:
            return


async def test_a_task_that_fails_is_told_of_and_then_expires():
    """From the API server over our controller to GitHub's own HTTP; a time to live of 0 loses no report."""
    async with controller() as (cluster, github, url):
        github.open_issue()
        annotations, labels = reported.notes(source_api_url=url), {names.LABEL_SPAWNER: reported.SPAWNER}
        meta = {"annotations": annotations, "labels": labels, "finalizers": [names.FINALIZER_REPORT]}
        task = make.task_manifest("loop", meta=meta, dependsOn=["loop"], ttlSecondsAfterFinished=0)
        await gone(cluster, (await cluster.create(TASK, task))["metadata"]["resourceVersion"])

    (comment,) = github.shop.comments.listed(github.step)
    assert "Task `loop` has **failed**. ❌" in comment["body"]
    assert "`DependencyCycle`" in comment["body"]


async def test_an_issue_hears_of_the_task_that_was_made_of_it():
    """From a TaskSpawner to the comment below the issue: what the engine writes on a Task is what reports need."""
    async with controller() as (cluster, github, _):
        number = github.open_issue("Broken")
        template = {"type": "demo", "credentials": {"type": "none"}, "workspaceRef": {"name": "repo"}}
        spec = {
            "when": {"githubIssues": {"reporting": {"comments": {}}}},
            "taskTemplate": {**template, "dependsOn": ["bugs-1"], "ttlSecondsAfterFinished": 0},
        }
        meta = {"name": "bugs", "namespace": make.NAMESPACE}
        manifest = {"apiVersion": TASK_SPAWNER.api_version, "kind": TASK_SPAWNER.kind, "metadata": meta, "spec": spec}
        await gone(cluster, (await cluster.create(TASK_SPAWNER, manifest))["metadata"]["resourceVersion"])

    (comment,) = github.shop.comments.listed(github.step)
    assert (number, "kelos-bot") == (comment["number"], comment["author"])
    assert "Task `bugs-1` has **failed**. ❌" in comment["body"]


async def test_a_workspace_does_not_lead_to_the_controllers_own_machine():
    """Who may write a Workspace may not speak to what only the controller reaches; the spawner says so."""
    async with controller(may_reach_loopback=False) as (cluster, github, _):
        template = {"type": "demo", "credentials": {"type": "none"}, "workspaceRef": {"name": "repo"}}
        manifest = make.task_spawner_manifest("bugs", taskTemplate=template)
        made = await cluster.create(TASK_SPAWNER, manifest)
        version = made["metadata"]["resourceVersion"]
        async for change in cluster.watch(TASK_SPAWNER, make.NAMESPACE, resource_version=version):
            conditions = (change.object.get("status") or {}).get("conditions") or ()
            if said := [each["message"] for each in conditions if each["type"] == "DiscoveryError"]:
                break

    assert (True, []) == ("of this machine or of its neighbourhood" in said[0], github.calls)
