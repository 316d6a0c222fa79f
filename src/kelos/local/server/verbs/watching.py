"""Watch: what changes after a version, in order, none lost; whoever is too late is told to list again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from kelos.api.kinds import Manifest
from kelos.cluster.protocol import ChangeType
from kelos.local.server.refusals import Cause, Refusal, expired, invalid_options, too_large_version
from kelos.local.server.resources import Resource
from kelos.local.server.verbs.options import ListOptions
from kelos.local.server.verbs.plane import Plane
from kelos.local.server.verbs.reading import Selection, list_entries, parse_version, select
from kelos.local.store import Entry, HistoryExpiredError, StoreEvent, encode

INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_BOOKMARK_LEAD_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """Which changes, from where on, for how long. `initial` is the caller's `sendInitialEvents`, when given."""

    labels: str = ""
    fields: str = ""
    resource_version: str = ""
    version_match: str = ""
    timeout_seconds: float = 1800
    bookmarks: bool = False
    bookmark_seconds: float = 60
    initial: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One event of a watch. A bookmark has no entry, only the version up to which everything was sent."""

    type: ChangeType
    version: int
    entry: Entry | None = None
    ends_initial: bool = False


@dataclass(slots=True)
class Watches:
    """The open watches, so that a server that stops can end them."""

    news: set[asyncio.Event] = field(default_factory=set)
    closing: bool = False

    def end_all(self) -> None:
        """Let every watch return; new ones return at once."""
        self.closing = True
        for event in self.news:
            event.set()


def watch(
    plane: Plane, watches: Watches, resource: Resource, namespace: str | None, options: WatchOptions
) -> AsyncGenerator[list[Seen], None]:
    """Batches of events until the timeout. Bad options are refused now, versions once it is iterated."""
    selection = select(resource, options.labels, options.fields)
    parse_version(options.resource_version)
    if options.initial is not None and options.version_match != "NotOlderThan":
        why = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise _refused_match(why)
    if options.initial is None and options.version_match:
        why = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        raise _refused_match(why)
    return _watch(plane, watches, resource, namespace, selection, options)


def _refused_match(why: str) -> Refusal:
    cause = Cause(field="resourceVersionMatch", message=why, reason="FieldValueForbidden")
    return invalid_options("ListOptions", cause)


async def _watch(
    plane: Plane,
    watches: Watches,
    resource: Resource,
    namespace: str | None,
    selection: Selection,
    options: WatchOptions,
) -> AsyncGenerator[list[Seen], None]:
    namespace = namespace if resource.kind.namespaced else None
    with plane.store.listening(resource.storage) as news:
        watches.news.add(news)
        try:
            initial, version = _beginning(plane, resource, namespace, options)
            if initial:
                yield initial
            batches = _follow(plane, watches, resource, namespace, selection, options, version, news)
            async with aclosing(batches):
                async for batch in batches:
                    yield batch
        finally:
            watches.news.discard(news)


async def _follow(
    plane: Plane,
    watches: Watches,
    resource: Resource,
    namespace: str | None,
    selection: Selection,
    options: WatchOptions,
    version: int,
    news: asyncio.Event,
) -> AsyncGenerator[list[Seen], None]:
    clock = asyncio.get_running_loop().time
    deadline = clock() + options.timeout_seconds
    bookmark_at = _next_bookmark(clock(), deadline, options)
    while not watches.closing:
        news.clear()
        batch = [
            seen
            for event in _events(plane, resource, version)
            if (seen := _seen(resource, namespace, selection, event)) is not None
        ]
        version = plane.store.version
        if options.bookmarks and clock() >= bookmark_at:
            batch.append(Seen(type=ChangeType.BOOKMARK, version=version))
            bookmark_at = _next_bookmark(clock(), deadline, options)
        if batch:
            yield batch
            if plane.store.version != version:
                continue
        if clock() >= deadline:
            return
        until = min(deadline, bookmark_at) if options.bookmarks else deadline
        await _wait(news, until - clock())


async def _wait(news: asyncio.Event, seconds: float) -> None:
    if news.is_set() or seconds <= 0:
        return
    handle = asyncio.get_running_loop().call_later(seconds, news.set)
    try:
        await news.wait()
    finally:
        handle.cancel()


def _next_bookmark(now: float, deadline: float, options: WatchOptions) -> float:
    """Every so often, and once more shortly before the end so that the next watch can start where this one stops."""
    last = deadline - _BOOKMARK_LEAD_SECONDS
    regular = now + options.bookmark_seconds
    return min(regular, last) if now < last else max(regular, deadline)


def _beginning(
    plane: Plane, resource: Resource, namespace: str | None, options: WatchOptions
) -> tuple[list[Seen], int]:
    """The events that stand for the present state, where they are wanted, and the version to go on from."""
    version = parse_version(options.resource_version)
    if version > plane.store.version:
        raise too_large_version(version, plane.store.version)
    if options.initial is None and version:
        return [], version
    if options.initial is False:
        return [], version or plane.store.version
    listed = list_entries(plane.store, resource, namespace, ListOptions(labels=options.labels, fields=options.fields))
    seen = [Seen(type=ChangeType.ADDED, version=entry.version, entry=entry) for entry in listed.entries]
    if options.initial and options.bookmarks:
        seen.append(Seen(type=ChangeType.BOOKMARK, version=listed.version, ends_initial=True))
    return seen, listed.version


def _events(plane: Plane, resource: Resource, version: int) -> list[StoreEvent]:
    try:
        return plane.store.events(resource.storage, version)
    except HistoryExpiredError:
        raise expired(f"too old resource version: {version}; list again") from None


def _seen(resource: Resource, namespace: str | None, selection: Selection, event: StoreEvent) -> Seen | None:
    """What a watcher with that selection sees of a change: an object may come into sight, or go out of it."""
    if namespace is not None and event.entry.key.namespace != namespace:
        return None
    if selection.is_all:
        return Seen(type=event.type, version=event.version, entry=event.entry)
    is_in = event.type is not ChangeType.DELETED and selection.accepts(resource.from_storage(event.entry.manifest))
    was_in = event.previous is not None and selection.accepts(resource.from_storage(event.previous.manifest))
    if is_in:
        kind = ChangeType.MODIFIED if was_in else ChangeType.ADDED
        return Seen(type=kind, version=event.version, entry=event.entry)
    if not was_in or event.previous is None:
        return None
    entry = event.entry if event.type is ChangeType.DELETED else _as_of(event.previous, event.version)
    return Seen(type=ChangeType.DELETED, version=event.version, entry=entry)


def _as_of(entry: Entry, version: int) -> Entry:
    metadata = {**entry.manifest["metadata"], "resourceVersion": str(version)}
    manifest: Manifest = {**entry.manifest, "metadata": metadata}
    return replace(entry, version=version, manifest=manifest, encoded=encode(manifest))
