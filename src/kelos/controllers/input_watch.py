"""Wake Tasks when a Secret or ConfigMap they miss appears: one narrow watch for each, and no cache of all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from kelos.api.kinds import Kind
from kelos.cluster.protocol import ChangeType, Cluster
from kelos.controllers.task_caches import Key
from kelos.errors import ClusterError

MOST_WATCHES = 200
"""Waiting Tasks look again by themselves too, so one watch less costs seconds, not correctness."""
WATCH_SECONDS = 300
FAILED_WATCH_SECONDS = 10.0
"""A watch that cannot be had is not asked for again at once: the look before each one wakes whoever waits."""


class InputWatches:
    """Who misses which object of one kind, and a watch for each of those. Values are never kept."""

    def __init__(self, cluster: Cluster, kind: Kind, wake: Callable[[Key], None]) -> None:
        self._cluster = cluster
        self._kind = kind
        self._wake = wake
        self._wanted: dict[Key, set[Key]] = {}
        self._missed_by: dict[Key, frozenset[Key]] = {}
        self._watching: dict[Key, asyncio.Task[None]] = {}

    def expect(self, task: Key, names: Iterable[str]) -> None:
        """From now on the Task misses exactly these objects of its namespace."""
        wanted = frozenset((task[0], name) for name in names)
        before = self._missed_by.pop(task, frozenset())
        if wanted:
            self._missed_by[task] = wanted
        for missing in sorted(before - wanted):
            self._leave(missing, task)
        for missing in sorted(wanted - before):
            self._wanted.setdefault(missing, set()).add(task)
        for missing in sorted(wanted):
            if missing not in self._watching and len(self._watching) < MOST_WATCHES:
                self._watching[missing] = asyncio.create_task(self._watch(missing))

    async def close(self) -> None:
        """End every watch."""
        tasks = list(self._watching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _leave(self, missing: Key, task: Key) -> None:
        self._wanted[missing].discard(task)
        if not self._wanted[missing]:
            del self._wanted[missing]
            if (watch := self._watching.pop(missing, None)) is not None:
                watch.cancel()

    async def _watch(self, missing: Key) -> None:
        """Until the server ends it or fails; the next look of a Task that waits starts another one, after a failure not
        at once."""
        try:
            await self._follow(missing)
        except ClusterError:
            await asyncio.sleep(FAILED_WATCH_SECONDS)
        finally:
            if self._watching.get(missing) is asyncio.current_task():
                del self._watching[missing]

    async def _follow(self, missing: Key) -> None:
        namespace, name = missing
        only = f"metadata.name={name}"
        page = await self._cluster.list(self._kind, namespace, fields=only)
        version = page.items[0]["metadata"]["resourceVersion"] if page.items else page.resource_version
        if page.items:
            self._wake_all(missing)
        changes = self._cluster.watch(
            self._kind, namespace, resource_version=version, fields=only, timeout_seconds=WATCH_SECONDS
        )
        async for change in changes:
            if change.type in (ChangeType.ADDED, ChangeType.MODIFIED):
                self._wake_all(missing)

    def _wake_all(self, missing: Key) -> None:
        for task in sorted(self._wanted.get(missing, ())):
            self._wake(task)
