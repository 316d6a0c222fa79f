"""The Task controller: caches feed a queue, each key is observed, planned and applied."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from kelos.api.names import ANNOTATION_LEASE
from kelos.api.task import Task
from kelos.apply import Refused, Systems, apply
from kelos.cluster.protocol import Cluster
from kelos.cluster.queue import Queue
from kelos.controllers.branch_view import BranchReader
from kelos.controllers.loop import WORKERS, Log, Loop
from kelos.controllers.task_caches import Key, build_caches, subscribe
from kelos.controllers.task_view import Observer
from kelos.errors import UserError
from kelos.settings import Settings
from kelos.tasks.plan import plan, plan_orphans
from kelos.tasks.start import plan_refusal


class ClientLeases:
    """Since when each client lease has not moved, by our own clock: the client's clock does not matter.

    This is the one thing the controller remembers between passes; after a restart every lease starts afresh.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen: dict[Key, tuple[str, str, float]] = {}

    def silence(self, task: Task) -> float | None:
        key, text = (task.meta.namespace, task.meta.name), task.meta.annotations.get(ANNOTATION_LEASE)
        if text is None or task.is_finished:
            self._seen.pop(key, None)
            return None
        seen = self._seen.get(key)
        if seen is None or seen[:2] != (task.meta.uid, text):
            seen = (task.meta.uid, text, self._monotonic())
            self._seen[key] = seen
        return self._monotonic() - seen[2]

    def forget(self, key: Key) -> None:
        self._seen.pop(key, None)


class TaskController:
    """Drives every Task of a namespace, or of the cluster."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        settings: Settings,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        log: Log,
        namespace: str | None = None,
    ) -> None:
        self.caches = build_caches(cluster, namespace)
        self.queue: Queue[Key] = Queue()
        self._leases = ClientLeases(monotonic)
        self._observer = Observer(
            cluster=cluster,
            caches=self.caches,
            branches=BranchReader(cluster=cluster, caches=self.caches),
            settings=settings,
            now=now,
            silence=self._leases.silence,
        )
        self._systems = Systems(cluster=cluster, now=now, warn=log.warning)
        self._loop = Loop("task", self.queue, self.reconcile, log)
        self._log = log
        subscribe(self.caches, self.queue.add)

    async def run(self, workers: int = WORKERS) -> None:
        """Run until cancelled. Decisions begin when every cache is complete."""
        watching = [asyncio.create_task(cache.run()) for cache in self.caches]
        try:
            await self.wait_synced()
            await self._loop.run(workers)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    async def wait_synced(self) -> None:
        for cache in self.caches:
            await cache.wait_synced()

    async def reconcile(self, key: Key) -> float | None:
        """One pass over one Task; in how many seconds to look again."""
        try:
            view = await self._observer.observe(*key)
        except UserError as error:
            # Only a Task that got past its own schema comes here; it rests until somebody changes it.
            self._log.error("Task cannot be read", task="/".join(key), error=str(error))
            return None
        if view is None:
            self._leases.forget(key)
            decided = plan_orphans(self._observer.orphans(*key))
        else:
            decided = plan(view)
        try:
            await apply(decided, self._systems)
        except Refused as refused:
            refusal = plan_refusal(view, refused.answer) if view is not None else None
            if refusal is None:
                raise
            await apply(refusal, self._systems)
            return refusal.again_in_seconds
        return decided.again_in_seconds
