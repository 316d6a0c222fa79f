"""The API as one controller process reaches it: slow, failing, cut off, asleep, dead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any

from kelos.api.kinds import Kind, Manifest
from kelos.cluster.protocol import Change, ChangeType
from kelos.errors import ClusterError, Conflict, Gone, TooManyRequests, Unavailable
from kelos.local.cluster import LocalCluster
from simulation.scenario import Fault

USUAL_DELAY_SECONDS = 0.004


@dataclass
class Weather:
    """Which faults there are at this moment."""

    faults: Sequence[Fault]

    def amount(self, what: str, kind: str = "") -> float:
        """How bad it is now; 0 is fair."""
        return max([fault.amount for fault in self._now(what, kind)], default=0.0)

    def seconds_left(self, what: str, kind: str = "") -> float:
        """How long it will last; 0 when there is no such fault now."""
        now = asyncio.get_running_loop().time()
        return max((fault.until - now for fault in self._now(what, kind)), default=0.0)

    def _now(self, what: str, kind: str) -> Sequence[Fault]:
        if (known := self._by_what.get(what)) is None:
            return ()
        now = asyncio.get_running_loop().time()
        return [f for f in known if f.kind in ("", kind) and f.at <= now < f.until]

    @cached_property
    def _by_what(self) -> dict[str, list[Fault]]:
        found: dict[str, list[Fault]] = {}
        for fault in self.faults:
            found.setdefault(fault.what, []).append(fault)
        return found


@dataclass(slots=True)
class Letter:
    """One write on its way. `about` is the manifest, or where the object is."""

    verb: str
    kind: Kind
    about: Any
    sent_at: float
    arrived_at: float | None = None


@dataclass
class Door:
    """Implements `kelos.cluster.protocol.Cluster`. `sent` and `arrived` hear of every write."""

    cluster: LocalCluster
    weather: Weather
    rng: Random
    sent: Callable[[Letter], object] = lambda _: None
    arrived: Callable[[Letter], object] = lambda _: None
    is_dead: bool = False
    sleeps_until: float = 0.0
    """Writes that are sent before arrive then."""
    _on_the_wire: set[asyncio.Task[Any]] = field(default_factory=set)

    async def get(self, kind: Kind, *where: Any) -> Manifest:
        return await self._read(lambda: self.cluster.get(kind, *where))

    async def list(self, kind: Kind, *where: Any, **options: Any) -> Any:
        return await self._read(lambda: self.cluster.list(kind, *where, **options))

    async def create(self, kind: Kind, manifest: Manifest, **options: Any) -> Manifest:
        return await self._write("create", kind, manifest, lambda: self.cluster.create(kind, manifest, **options))

    async def replace(self, kind: Kind, manifest: Manifest, **options: Any) -> Manifest:
        return await self._write("replace", kind, manifest, lambda: self.cluster.replace(kind, manifest, **options))

    async def patch(self, kind: Kind, *where: Any, **options: Any) -> Manifest:
        return await self._write("patch", kind, where, lambda: self.cluster.patch(kind, *where, **options))

    async def delete(self, kind: Kind, *where: Any, **options: Any) -> None:
        await self._write("delete", kind, where, lambda: self.cluster.delete(kind, *where, **options))

    async def logs(self, namespace: str, pod: str, **_: Any) -> AsyncIterator[bytes]:
        """Nobody prints anything here: what agents say is in their outcome documents."""
        await self._read(_nothing)
        for chunk in ():
            yield chunk

    async def watch(self, kind: Kind, *where: Any, **options: Any) -> AsyncIterator[Change]:
        """Changes, late, torn off, twice or never. What is left out comes back when the watch must list anew."""
        self._check(is_write=False)
        async with aclosing(self.cluster.watch(kind, *where, **options)) as changes:
            async for change in self._as_heard(kind, changes):
                yield change

    async def _as_heard(self, kind: Kind, changes: AsyncIterator[Change]) -> AsyncIterator[Change]:
        lacks_something = False
        async for change in changes:
            await self._stand_still(kind)
            self._check(is_write=False)
            if lacks_something and (self.rng.random() < 0.5 or change.type is ChangeType.BOOKMARK):
                raise Gone("too old resource version")
            if self._happens("dropped events", kind):
                lacks_something = True
                continue
            yield change
            if self._happens("repeated events", kind):
                yield change
            if self._happens("forgotten versions", kind):
                raise Gone("too old resource version")
            if self._happens("torn watches", kind):
                raise Unavailable("connection reset")
        if lacks_something:
            raise Gone("too old resource version")

    async def _stand_still(self, kind: Kind) -> None:
        seconds = self.weather.seconds_left("frozen cache", kind.kind)
        if not seconds and (slowest := self.weather.amount("lagging cache", kind.kind)):
            seconds = self.rng.uniform(0, slowest)
        if seconds:
            await asyncio.sleep(seconds)

    async def _read(self, deed: Callable[[], Awaitable[Any]]) -> Any:
        await self._travel()
        self._check(is_write=False)
        answer = await deed()
        await self._travel()
        return answer

    async def _write(self, verb: str, kind: Kind, about: Any, deed: Callable[[], Awaitable[Any]]) -> Any:
        """Once sent a write may arrive although its sender is gone, and its answer may get lost."""
        letter = Letter(verb, kind, about, asyncio.get_running_loop().time())
        self.sent(letter)
        if not self.weather.faults:
            await self._travel()
            return await self._arrive(letter, deed)
        way = asyncio.ensure_future(self._way(letter, deed))
        self._on_the_wire.add(way)
        way.add_done_callback(self._is_through)
        return await asyncio.shield(way)

    def _is_through(self, way: asyncio.Task[Any]) -> None:
        self._on_the_wire.discard(way)
        if not way.cancelled():
            way.exception()  # its sender may be gone

    async def _way(self, letter: Letter, deed: Callable[[], Awaitable[Any]]) -> Any:
        await self._travel()
        self._check(is_write=True)
        if (seconds := self.sleeps_until - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(seconds)
        answer = await self._arrive(letter, deed)
        if self._happens("lost answers"):
            raise Unavailable("the answer was lost on its way")
        await self._travel()
        return answer

    async def _arrive(self, letter: Letter, deed: Callable[[], Awaitable[Any]]) -> Any:
        answer = await deed()
        letter.arrived_at = asyncio.get_running_loop().time()
        self.arrived(letter)
        if self.is_dead:
            await _forever()
        return answer

    async def _travel(self) -> None:
        if self.is_dead:
            await _forever()
        slowest = self.weather.amount("slow calls") or USUAL_DELAY_SECONDS
        await asyncio.sleep(self.rng.uniform(0, slowest))
        if self.is_dead:
            await _forever()

    def _check(self, *, is_write: bool) -> None:
        if self.weather.amount("outage"):
            raise Unavailable("connection refused", status=0)
        if self._happens("errors"):
            raise self._error(is_write)

    def _error(self, is_write: bool) -> ClusterError:
        errors: list[ClusterError] = [
            Unavailable("internal error", status=500),
            Unavailable("timed out", status=0),
            TooManyRequests("slow down", retry_after_seconds=1.0),
        ]
        return self.rng.choice([*errors, Conflict("somebody was faster")] if is_write else errors)

    def _happens(self, what: str, kind: Kind | None = None) -> bool:
        chance = self.weather.amount(what, kind.kind if kind is not None else "")
        return bool(chance) and self.rng.random() < chance


async def _forever() -> None:
    await asyncio.get_running_loop().create_future()


async def _nothing() -> None:
    return None
