"""A cluster with the whole controller at work, a GitHub and a Jira over real HTTP.

Manifests are applied as people wrote them; only the hosts are ours.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import make
from admission import seeds
from fakes.github_server.served import served
from fakes.github_server.server import TOKEN, GitHubServer
from fakes.jira import server as jira
from kelos.api.kinds import CRD, NAMESPACE, SECRET, TASK, TASK_SPAWNER, WORKSPACE, Kind, Manifest
from kelos.cluster.access import Source, select
from kelos.cluster.client import connect
from kelos.cluster.protocol import Cluster
from kelos.install.crds import build_crds
from kelos.local.cluster import LocalCluster
from kelos.local.server.serving import open_plane
from kelos.local.store import Store
from kelos.processes.controller import run_controller
from kelos.settings import Settings

PATIENCE_SECONDS = 90.0
REPOSITORY = "your-org/your-repo"
KINDS = {"Workspace": WORKSPACE, "TaskSpawner": TASK_SPAWNER, "Task": TASK, "Secret": SECRET}
CANCELLED = {"metadata": {"annotations": {"kelos.dev/cancel-requested": '{"by":"test","at":"","why":"room"}'}}}


class Silent:
    """A log for nobody."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *args, **fields: None


@dataclass
class Life:
    """What a test works with."""

    cluster: Cluster
    namespace: str
    github: GitHubServer
    github_url: str
    jira: jira.FakeJira
    controller: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """The controller of `kelos up`, which may ask servers of this machine."""
        served, log = (self.namespace,), Silent()
        work = run_controller(self.cluster, settings=Settings(), log=log, namespaces=served, may_reach_loopback=True)  # type: ignore[arg-type]
        self.controller = asyncio.create_task(work)

    async def stop(self) -> None:
        """What it does not find again is forgotten."""
        assert self.controller is not None
        self.controller.cancel()
        await asyncio.gather(self.controller, return_exceptions=True)

    async def prepare(self) -> None:
        """What the documents take for granted: the Workspace with its credentials, and the agent's."""
        await self.apply(make.secret_manifest("claude-oauth-token", CLAUDE_CODE_OAUTH_TOKEN="not-a-token"))
        await self.apply(make.secret_manifest("github-token", GITHUB_TOKEN=TOKEN))
        await self.apply(make.secret_manifest("jira-credentials", JIRA_USER=jira.USER, JIRA_TOKEN=jira.TOKEN))
        (workspace,) = seeds("readme", "Workspace")
        await self.apply(changed(workspace, secretRef={"name": "github-token"}))

    async def apply(self, manifest: Manifest) -> Manifest:
        """Create it at the version it was written for, with the hosts of this test."""
        meta = {**manifest["metadata"], "namespace": self.namespace}
        kind = at_version(KINDS[manifest["kind"]], manifest["apiVersion"])
        return await self.cluster.create(kind, self._here({**manifest, "metadata": meta}))

    def _here(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._here(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._here(part) for part in value]
        if isinstance(value, str):
            root = self.github_url.removesuffix("/api/v3")
            return value.replace("https://github.com", root).replace("https://your-org.atlassian.net", self.jira.url)
        return value

    async def spawner(self, name: str, is_there: Callable[[Manifest], bool]) -> Manifest:
        """The status of a TaskSpawner once it is as wanted."""

        def look(items: list[Manifest]) -> Manifest | None:
            found = next((item.get("status") or {} for item in items if item["metadata"]["name"] == name), {})
            return found if is_there(found) else None

        return await self.until(TASK_SPAWNER, look)

    async def tasks(self, *names: str) -> list[Manifest]:
        """These Tasks, as soon as all of them are there."""

        def look(items: list[Manifest]) -> list[Manifest] | None:
            found = {item["metadata"]["name"]: item for item in items}
            return [found[name] for name in names] if set(names) <= set(found) else None

        return await self.until(TASK, look)

    async def task_names(self) -> list[str]:
        return sorted(item["metadata"]["name"] for item in (await self.cluster.list(TASK, self.namespace)).items)

    async def end(self, name: str) -> None:
        """Make room: the Task ends without having run."""
        await self.cluster.patch(TASK, self.namespace, name, CANCELLED)

    async def until(self, kind: Kind, look: Callable[[list[Manifest]], Any]) -> Any:
        """What `look` finds among the objects; the watch says when to look."""
        seen: list[Manifest] = []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    page = await self.cluster.list(kind, self.namespace)
                    seen = list(page.items)
                    if (found := look(seen)) is not None:
                        return found
                    await self._news(kind, page.resource_version)
        except TimeoutError:
            shown = [{"name": one["metadata"]["name"], "status": one.get("status")} for one in seen]
            raise AssertionError(f"waited {PATIENCE_SECONDS:.0f} s; there is {shown}") from None

    async def _news(self, kind: Kind, version: str) -> None:
        changes = self.cluster.watch(kind, self.namespace, resource_version=version)
        async for change in changes:
            if change.type.value != "BOOKMARK":
                break
        await changes.aclose()  # type: ignore[attr-defined]


def at_version(kind: Kind, api_version: str) -> Kind:
    group, _, version = api_version.rpartition("/")
    return replace(kind, group=group, version=version)


def changed(manifest: Manifest, **spec: Any) -> Manifest:
    """The manifest with these fields of its spec."""
    return {**copy.deepcopy(manifest), "spec": {**copy.deepcopy(manifest["spec"]), **spec}}


def seed(document: str, name: str) -> Manifest:
    """A TaskSpawner as it is printed."""
    (found,) = [one for one in seeds(document, "TaskSpawner") if one["metadata"]["name"] == name]
    return found


def condition(status: Manifest, kind: str) -> Manifest:
    return next((one for one in status.get("conditions") or () if one["type"] == kind), {})


@asynccontextmanager
async def life(*, created_at: datetime | None = None, is_cloud: bool = True) -> AsyncIterator[Life]:
    """On a local plane. `created_at` is its clock: what is created now is of then."""
    now = (lambda: created_at) if created_at is not None else (lambda: datetime.now(timezone.utc))
    cluster = LocalCluster(replace(open_plane(Store()), now=now))
    for crd in build_crds():
        await cluster.create(CRD, crd)
    await cluster.create(NAMESPACE, {"metadata": {"name": make.NAMESPACE}})
    async with _lived(cluster, make.NAMESPACE, is_cloud) as running:
        yield running


@asynccontextmanager
async def life_on(kubeconfig: Manifest, namespace: str, *, is_cloud: bool = True) -> AsyncIterator[Life]:
    """On a server that knows our definitions."""
    async with (
        await connect(select([Source(path="test", folder="/", document=kubeconfig)])) as real,
        _lived(real, namespace, is_cloud) as running,
    ):
        yield running


@asynccontextmanager
async def _lived(cluster: Cluster, namespace: str, is_cloud: bool) -> AsyncIterator[Life]:
    github = GitHubServer(REPOSITORY)
    with served(github) as url, jira.fake_jira(is_cloud=is_cloud) as fake:
        running = Life(cluster=cluster, namespace=namespace, github=github, github_url=url, jira=fake)
        await running.prepare()
        await running.start()
        try:
            yield running
        finally:
            await running.stop()
