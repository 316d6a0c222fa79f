"""A local cluster whose Jobs really run: API in memory, Job controller, node of host processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kelos.api.kinds import NAMESPACE, POD, Kind, Manifest
from kelos.errors import NotFound
from kelos.local.cluster import LocalCluster
from kelos.local.jobs.control.loop import run_job_controller
from kelos.local.jobs.node.images import ImageCommand, image_table
from kelos.local.jobs.node.node import run_node
from kelos.local.jobs.node.processes import ProcessRunner
from kelos.local.jobs.process.logs import PodLogs
from kelos.local.jobs.settings import JobSettings, NodeSettings, host_environment
from kelos.local.server.serving import open_plane
from kelos.local.store import Store

PATIENCE_SECONDS = 60.0
SPACE = "work"
SHELL = "shell:1"


@dataclass
class Place:
    """What a test works with."""

    cluster: LocalCluster
    logs: PodLogs
    root: Path

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        manifest = {"apiVersion": kind.api_version, "kind": kind.kind, **manifest}
        if kind.namespaced:
            manifest = {**manifest, "metadata": {"namespace": SPACE, **manifest["metadata"]}}
        return await self.cluster.create(kind, manifest)

    async def find(self, kind: Kind, name: str) -> Manifest | None:
        try:
            return await self.cluster.get(kind, SPACE if kind.namespaced else None, name)
        except NotFound:
            return None

    async def until(
        self, kind: Kind, name: str, test: Callable[[Manifest], Any], *, patience_seconds: float = PATIENCE_SECONDS
    ) -> Manifest:
        """The object as soon as the test holds for it; the watch says when to look."""
        return await asyncio.wait_for(self._until(kind, name, test), patience_seconds)

    async def until_gone(self, kind: Kind, name: str) -> None:
        await asyncio.wait_for(self._until(kind, name, None), PATIENCE_SECONDS)

    async def pods(self, job: str) -> list[Manifest]:
        page = await self.cluster.list(POD, SPACE, labels=f"job-name={job}")
        return list(page.items)

    async def until_pod(self, job: str, test: Callable[[Manifest], Any]) -> Manifest:
        """The first pod of a Job for which the test holds."""

        async def look() -> Manifest:
            while True:
                page = await self.cluster.list(POD, SPACE, labels=f"job-name={job}")
                for pod in page.items:
                    if test(pod):
                        return pod
                await self.news(POD, page.resource_version)

        return await asyncio.wait_for(look(), PATIENCE_SECONDS)

    async def log(self, pod: str, container: str = "main", **how: Any) -> bytes:
        how = {"follow": True, **how}
        chunks = self.cluster.logs(SPACE, pod, container=container, **how)
        return b"".join([chunk async for chunk in chunks])

    async def _until(self, kind: Kind, name: str, test: Callable[[Manifest], Any] | None) -> Any:
        while True:
            page = await self.cluster.list(kind, SPACE if kind.namespaced else None, fields=f"metadata.name={name}")
            found = next((item for item in page.items if item["metadata"]["name"] == name), None)
            if found is None and test is None:
                return None
            if found is not None and test is not None and test(found):
                return found
            await self.news(kind, page.resource_version)

    async def news(self, kind: Kind, version: str) -> None:
        """Wait for a change after a version."""
        changes = self.cluster.watch(kind, None, resource_version=version)
        async for change in changes:
            if change.type.value != "BOOKMARK":
                break
        await changes.aclose()  # type: ignore[attr-defined]


IMAGES = image_table({"shell": ImageCommand(entrypoint=("/bin/sh", "-c"))})


@asynccontextmanager
async def running(*loops: Any) -> AsyncIterator[None]:
    """Run loops in the background; their end is awaited."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def local_place(root: Path, *, slots: int = 4, store: Path | None = None) -> AsyncIterator[Place]:
    """The whole thing, quick enough for tests."""
    async with AsyncExitStack() as stack:
        opened = Store(store)
        stack.callback(opened.close)
        logs = PodLogs(root / "logs", poll_seconds=0.01)
        cluster = LocalCluster(open_plane(opened), logs=logs)
        place = Place(cluster=cluster, logs=logs, root=root)
        if await place.find(NAMESPACE, SPACE) is None:
            await place.create(NAMESPACE, {"metadata": {"name": SPACE}})
        settings = NodeSettings(
            slots=slots,
            resync_seconds=0.02,
            refresh_seconds=0.02,
            backoff_seconds=0.05,
            shutdown_grace_seconds=0.2,
        )
        runner = ProcessRunner(cluster=cluster, images=IMAGES, logs=logs, environment=host_environment(os.environ))
        node = run_node(cluster, runner_of=lambda _: runner, root=root / "node", logs=logs, settings=settings)
        await stack.enter_async_context(
            running(node, run_job_controller(cluster, settings=JobSettings(backoff_seconds=0.05)))
        )
        yield place


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with local_place(tmp_path) as found:
        yield found


def container(script: str, name: str = "main", **fields: Any) -> Manifest:
    """A shell that runs a script; its dollars are the shell's, so they are escaped."""
    return {"name": name, "image": SHELL, "args": [script.replace("$", "$$")], **fields}


def job(name: str, *containers: Manifest, pod: Manifest | None = None, **spec: Any) -> Manifest:
    template = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "containers": list(containers),
        **(pod or {}),
    }
    return {"metadata": {"name": name}, "spec": {"template": {"spec": template}, **spec}}


def condition(type: str) -> Callable[[Manifest], Any]:
    return lambda found: any(
        each["type"] == type and each["status"] == "True" for each in found.get("status", {}).get("conditions") or ()
    )


def phase(wanted: str) -> Callable[[Manifest], Any]:
    return lambda found: (found.get("status") or {}).get("phase") == wanted


async def until(test: Callable[[], Any]) -> None:
    """For what happens outside the API, where nobody tells: look often, give up loudly."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not test():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen"
        await asyncio.sleep(0.01)


async def until_file(path: Path, read: Callable[[str], Any] = int) -> Any:
    """The content of a file that a container writes, once it is there."""
    await until(lambda: content(path))
    return read(content(path))


def content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def pod(name: str, *containers: Manifest, **spec: Any) -> Manifest:
    defaults = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    return {"metadata": {"name": name}, "spec": {**defaults, "containers": list(containers), **spec}}


def state(found: Manifest, name: str = "main") -> Manifest:
    status = found["status"]
    every = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return next(each["state"] for each in every if each["name"] == name)


def waits(reason: str) -> Callable[[Manifest], Any]:
    return lambda found: any(
        (each["state"].get("waiting") or {}).get("reason") == reason
        for each in found.get("status", {}).get("containerStatuses") or ()
    )


def alive(pid: int) -> bool:
    """A zombie is no process any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
