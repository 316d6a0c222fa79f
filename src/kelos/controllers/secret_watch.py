"""Wake Tasks when a Secret they miss appears: one narrow watch per missing Secret, and no cache of Secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from kelos.api.kinds import SECRET
from kelos.cluster.protocol import ChangeType, Cluster
from kelos.controllers.task_caches import Key
from kelos.errors import ClusterError

MOST_WATCHES = 200
"""Waiting Tasks look again by themselves too, so one watch less costs seconds, not correctness."""
WATCH_SECONDS = 300
FAILED_WATCH_SECONDS = 10.0
"""A watch that cannot be had is not asked for again at once: the look before each one wakes whoever waits."""


class SecretWatches:
    """Who misses which Secret, and a watch for each of those. Values of Secrets are never kept."""

    def __init__(self, cluster: Cluster, wake: Callable[[Key], None]) -> None:
        self._cluster = cluster
        self._wake = wake
        self._wanted: dict[Key, set[Key]] = {}
        self._missed_by: dict[Key, frozenset[Key]] = {}
        self._watching: dict[Key, asyncio.Task[None]] = {}

    def expect(self, task: Key, names: Iterable[str]) -> None:
        """From now on the Task misses exactly these Secrets of its namespace."""
        secrets = frozenset((task[0], name) for name in names)
        before = self._missed_by.pop(task, frozenset())
        if secrets:
            self._missed_by[task] = secrets
        for secret in sorted(before - secrets):
            self._leave(secret, task)
        for secret in sorted(secrets - before):
            self._wanted.setdefault(secret, set()).add(task)
        for secret in sorted(secrets):
            if secret not in self._watching and len(self._watching) < MOST_WATCHES:
                self._watching[secret] = asyncio.create_task(self._watch(secret))

    async def close(self) -> None:
        """End every watch."""
        tasks = list(self._watching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _leave(self, secret: Key, task: Key) -> None:
        self._wanted[secret].discard(task)
        if not self._wanted[secret]:
            del self._wanted[secret]
            if (watch := self._watching.pop(secret, None)) is not None:
                watch.cancel()

    async def _watch(self, secret: Key) -> None:
        """Until the server ends it or fails; the next look of a Task that waits starts another one, after a failure not
        at once."""
        try:
            await self._follow(secret)
        except ClusterError:
            await asyncio.sleep(FAILED_WATCH_SECONDS)
        finally:
            if self._watching.get(secret) is asyncio.current_task():
                del self._watching[secret]

    async def _follow(self, secret: Key) -> None:
        namespace, name = secret
        only = f"metadata.name={name}"
        page = await self._cluster.list(SECRET, namespace, fields=only)
        version = page.items[0]["metadata"]["resourceVersion"] if page.items else page.resource_version
        if page.items:
            self._wake_all(secret)
        changes = self._cluster.watch(
            SECRET, namespace, resource_version=version, fields=only, timeout_seconds=WATCH_SECONDS
        )
        async for change in changes:
            if change.type in (ChangeType.ADDED, ChangeType.MODIFIED):
                self._wake_all(secret)

    def _wake_all(self, secret: Key) -> None:
        for task in sorted(self._wanted.get(secret, ())):
            self._wake(task)
