"""A cache of one kind of object, kept equal to the server by list and watch.

Nobody changes a cached object, nor copies it: what `get` and `list` return is shared by all readers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from kelos.api.kinds import Kind, Manifest
from kelos.cluster.pace import backoff, now
from kelos.cluster.protocol import Change, ChangeType, Cluster
from kelos.cluster.store import Index, Observer, Slim, Store
from kelos.errors import ClusterError, Gone, NotFound, Unavailable

log = logging.getLogger(__name__)

PAGE_SIZE = 500
WATCH_SECONDS = (240, 480)
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.4, 30.0
LONGEST_RETRY_AFTER_SECONDS = 300.0
SETTLED_SECONDS = 5.0
"""A watch that lived that long, or said anything, proves that the server works again."""
SILENT_SECONDS = 600.0
"""Longer than any watch lives: nothing heard for that long means that the cache is stuck."""
ABSENT_SECONDS = 10.0
"""A server that begins may not know a kind for a moment; one that says so for that long has no such kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How far the cache can be trusted; for /healthz and metrics."""

    is_synced: bool
    silent_seconds: float
    objects: int
    lists: int
    watches: int
    last_error: str

    @property
    def is_healthy(self) -> bool:
        return self.silent_seconds < SILENT_SECONDS


class Cache:
    """Objects of one kind, in one namespace or all, that match a label and a field selector."""

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        namespace: str | None = None,
        labels: str = "",
        indexes: Mapping[str, Index] | None = None,
        *,
        fields: str = "",
        slim: Slim | None = None,
        rng: Random | None = None,
        may_be_absent: bool = False,
    ) -> None:
        """`may_be_absent`: a server without this kind has no objects of it, and nobody waits for its definition."""
        self.kind = kind
        self._may_be_absent = may_be_absent
        self._absent_since: float | None = None
        self.synced = asyncio.Event()
        self._cluster = cluster
        self._namespace = namespace
        self._selection = {"labels": labels, "fields": fields}
        self._store = Store(indexes or {}, slim)
        self._rng = rng or Random()
        self._version = ""
        self._heard_at: float | None = None
        self._in_touch_since: float | None = None
        self._failures = 0
        self._lists = 0
        self._watches = 0
        self._last_error = ""

    def get(self, namespace: str | None, name: str) -> Manifest | None:
        return self._store.get(namespace or "", name)

    def list(self, namespace: str | None = None) -> Sequence[Manifest]:
        """All objects, or those of one namespace."""
        return self._store.list(namespace)

    def by(self, index: str, key: str) -> Sequence[Manifest]:
        """The objects for which the index function gave this key."""
        return self._store.by(index, key)

    def subscribe(self, observer: Observer) -> None:
        """Call `observer(old, new)` after every change; None stands for "is not there". It must be quick."""
        self._store.subscribe(observer)

    def learn(self, answer: Manifest) -> None:
        """Show an object at once as a write of our own left it, so that no pass decides on what came before."""
        self._store.learn(answer)

    async def wait_synced(self) -> None:
        """Wait until everything that the server had was listed once, also when that is nothing for want of the kind."""
        await self.synced.wait()

    @property
    def is_running(self) -> bool:
        """Whether anybody keeps this cache equal to the server."""
        return self._heard_at is not None

    def in_touch_since(self) -> float | None:
        """Since when the server can be reached; None before it answered, and while it cannot be reached."""
        return self._in_touch_since

    def freshness(self) -> Freshness:
        return Freshness(
            is_synced=self.synced.is_set(),
            silent_seconds=0.0 if self._heard_at is None else now() - self._heard_at,
            objects=len(self._store),
            lists=self._lists,
            watches=self._watches,
            last_error=self._last_error,
        )

    async def run(self) -> None:
        """Keep the cache equal to the server until cancelled; errors of the server are waited out."""
        self._heard_at = now()
        while True:
            delay, began_at = 0.0, now()
            try:
                if not self._version:
                    await self._relist()
                delay = await self._follow()
            except ClusterError as error:
                if now() - began_at < SETTLED_SECONDS and isinstance(error, Unavailable):
                    self._in_touch_since = None
                delay = self._after(error)
            if delay:
                await asyncio.sleep(delay)

    async def _relist(self) -> None:
        """Replace the contents by what the server has; what went away meanwhile is told as deleted."""
        found: list[Manifest] = []
        more = ""
        self._lists += 1
        while True:
            page = await self._cluster.list(self.kind, self._namespace, **self._selection, limit=PAGE_SIZE, more=more)
            self._hear()
            found += page.items
            if not (more := page.more):
                break
        self._absent_since = None
        self._store.replace(found)
        self._version = page.resource_version
        self.synced.set()

    async def _follow(self) -> float:
        """Apply changes until the server ends the watch; how long to wait before the next one."""
        started_at = now()
        timeout_seconds = self._rng.randint(*WATCH_SECONDS)
        self._watches += 1
        async with _closed_at_the_end(
            self._cluster.watch(
                self.kind,
                self._namespace,
                resource_version=self._version,
                **self._selection,
                timeout_seconds=timeout_seconds,
            )
        ) as changes:
            async for change in changes:
                self._take(change)
        self._hear()
        if now() - started_at >= SETTLED_SECONDS:
            self._recover()
            return 0.0
        return self._next_delay()

    def _take(self, change: Change) -> None:
        self._recover()
        self._hear()
        if change.type is ChangeType.DELETED:
            self._store.remove(change.object)
        elif change.type is not ChangeType.BOOKMARK:
            self._store.put(change.object)
        self._version = str(change.object["metadata"]["resourceVersion"])

    def _after(self, error: ClusterError) -> float:
        """How long to wait after a failure; a version that the server forgot is listed anew."""
        said = str(error)
        if isinstance(error, Gone | NotFound):
            self._version = ""
        if isinstance(error, NotFound):
            self._miss_the_kind()
            said = f"the API server has no {self.kind.plural}.{self.kind.group}; apply the definitions of this version"
        if said != self._last_error:
            log.warning("Watching failed", extra={"kind": self.kind.kind, "error": said})
        self._last_error = said
        asked = min(error.retry_after_seconds or 0.0, LONGEST_RETRY_AFTER_SECONDS)
        return max(self._next_delay(), asked)

    def _miss_the_kind(self) -> None:
        self._hear()
        if self._absent_since is None:
            self._absent_since = now()
        if self._may_be_absent and now() - self._absent_since >= ABSENT_SECONDS:
            # Nothing is forgotten: a server that begins may know less than before for a while.
            self.synced.set()

    def _next_delay(self) -> float:
        delay = backoff(self._failures, self._rng, first=FIRST_DELAY_SECONDS, longest=LONGEST_DELAY_SECONDS)
        self._failures += 1
        return delay

    def _recover(self) -> None:
        self._failures = 0
        self._last_error = ""

    def _hear(self) -> None:
        self._heard_at = now()
        if self._in_touch_since is None:
            self._in_touch_since = self._heard_at


@asynccontextmanager
async def _closed_at_the_end(changes: AsyncIterator[Change]) -> AsyncIterator[AsyncIterator[Change]]:
    """Leaving the loop early must not leave the connection open."""
    try:
        yield changes
    finally:
        if isinstance(changes, AsyncGenerator):
            await changes.aclose()
