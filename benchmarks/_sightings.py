"""When things were first seen: Jobs and pods made, Jobs complete, Tasks running and ended, pods let go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from kelos.api.kinds import JOB, POD, TASK, Manifest
from kelos.api.names import FINALIZER_OUTCOME
from kelos.cluster.protocol import Cluster
from kelos.cluster.watch import Cache

PATIENCE_SECONDS = 600


class Sightings:
    """Moments by name. Made from one watch per kind, like anybody's view of a cluster."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.job_made: dict[str, float] = {}
        self.job_complete: dict[str, float] = {}
        self.task_runs: dict[str, float] = {}
        self.task_ended: dict[str, float] = {}
        self.pod_made: dict[str, float] = {}
        self.pod_let_go: dict[str, float] = {}
        self.jobs = Cache(cluster, JOB, namespace)
        self.tasks = Cache(cluster, TASK, namespace)
        self.pods = Cache(cluster, POD, namespace)
        self._changed = asyncio.Event()
        self._watch(self.jobs, self._on_job)
        self._watch(self.tasks, self._on_task)
        self._watch(self.pods, self._on_pod)

    async def all(self, seen: dict[str, float], names: Iterable[str]) -> None:
        """Wait until every one of these was seen."""
        missing = set(names)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while missing := missing - seen.keys():
                self._changed.clear()
                await self._changed.wait()

    def _watch(self, cache: Cache, note: Callable[[Manifest], None]) -> None:
        def on_change(old: Manifest | None, new: Manifest | None) -> None:
            if new is not None:
                note(new)
                self._changed.set()

        cache.subscribe(on_change)

    def _on_job(self, job: Manifest) -> None:
        name, now = job["metadata"]["name"], time.time()
        self.job_made.setdefault(name, now)
        conditions = (job.get("status") or {}).get("conditions") or ()
        if any(c["type"] == "Complete" and c["status"] == "True" for c in conditions):
            self.job_complete.setdefault(name, now)

    def _on_task(self, task: Manifest) -> None:
        name, phase = task["metadata"]["name"], (task.get("status") or {}).get("phase")
        if phase == "Running":
            self.task_runs.setdefault(name, time.time())
        if phase in ("Succeeded", "Failed"):
            self.task_ended.setdefault(name, time.time())

    def _on_pod(self, pod: Manifest) -> None:
        job = pod["metadata"]["labels"]["job-name"]
        self.pod_made.setdefault(job, time.time())
        is_over = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        if is_over and FINALIZER_OUTCOME not in (pod["metadata"].get("finalizers") or ()):
            self.pod_let_go.setdefault(job, time.time())


@asynccontextmanager
async def sightings(cluster: Cluster, namespace: str) -> AsyncIterator[Sightings]:
    """Sightings that are kept up to date inside the block."""
    seen = Sightings(cluster, namespace)
    caches = (seen.jobs, seen.tasks, seen.pods)
    running = [asyncio.create_task(cache.run()) for cache in caches]
    try:
        for cache in caches:
            await cache.wait_synced()
        yield seen
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
