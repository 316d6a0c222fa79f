"""The garbage collector at work: watches every kind, visits what changed, deletes what nobody owns any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from random import Random
from typing import Any, assert_never

from kelos.api.kinds import CRD, EVENT, Kind, Manifest
from kelos.cluster.protocol import Cluster
from kelos.cluster.queue import Queue
from kelos.cluster.watch import Cache
from kelos.errors import ClusterError, Conflict, NotFound
from kelos.local.garbage.decide import Action, Delete, Disown, Release, SetFree, Standing, Visit, decide
from kelos.local.garbage.graph import ORPHAN, Graph, Item, Owner, item_of

log = logging.getLogger(__name__)

WORKERS = 4


async def run_garbage_collector(cluster: Cluster, kinds: Iterable[Kind], *, rng: Random | None = None) -> None:
    """Collect objects of these kinds and of every kind that a definition adds, until cancelled."""
    await Collector(cluster, kinds, rng or Random()).run()


class Collector:
    """A graph fed by watches, a queue of uids, and workers."""

    def __init__(self, cluster: Cluster, kinds: Iterable[Kind], rng: Random) -> None:
        self._cluster = cluster
        self._first = tuple(kind for kind in kinds if kind.plural != EVENT.plural and kind != CRD)
        self._rng = rng
        self._graph = Graph()
        self._queue: Queue[str] = Queue(rng=rng)
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._watches: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._synced: list[asyncio.Event] = []
        self._start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]] = asyncio.create_task

    async def run(self) -> None:
        definitions = self._cache(CRD)
        definitions.subscribe(self._definition_changed)
        async with asyncio.TaskGroup() as group:
            self._start = group.create_task
            for kind in self._first:
                self._follow(kind)
            group.create_task(definitions.run())
            await definitions.wait_synced()
            for event in self._synced:
                await event.wait()
            for _ in range(WORKERS):
                group.create_task(self._work())

    def _follow(self, kind: Kind) -> None:
        place = (kind.group, kind.kind)
        if place in self._kinds:
            return
        cache = self._cache(kind)
        self._kinds[place] = kind
        self._synced.append(cache.synced)
        self._watches[place] = self._start(cache.run())

    def _cache(self, kind: Kind) -> Cache:
        cache = Cache(self._cluster, kind, rng=self._rng)
        self._kinds.setdefault((CRD.group, CRD.kind), CRD)
        cache.subscribe(lambda old, new: self._changed(kind, old, new))
        return cache

    def _definition_changed(self, old: Manifest | None, new: Manifest | None) -> None:
        """Kinds come and go with their definitions."""
        kind = kind_of(new or old or {})
        if new is not None and not new["metadata"].get("deletionTimestamp"):
            self._follow(kind)
        elif new is None:
            self._kinds.pop((kind.group, kind.kind), None)
            if watch := self._watches.pop((kind.group, kind.kind), None):
                watch.cancel()
            for item in self._graph.of(kind):
                self._gone(item)

    def _changed(self, kind: Kind, old: Manifest | None, new: Manifest | None) -> None:
        if new is None:
            self._gone(item_of(kind, old or {}))
            return
        item = item_of(kind, new)
        before = self._graph.find(item.uid)
        self._graph.put(item)
        if item.owners or item.waits_for_dependents or item.lets_dependents_go:
            self._queue.add(item.uid)
        if before is not None:
            # An owner may wait for a dependent that no longer names it.
            for owner in set(before.owners) - set(item.owners):
                self._queue.add(owner.uid)

    def _gone(self, item: Item) -> None:
        """Its dependents have one owner less; its owners wait for one dependent less."""
        self._graph.drop(item.uid)
        for dependent in self._graph.dependents(item.uid):
            self._queue.add(dependent.uid)
        for owner in item.owners:
            self._queue.add(owner.uid)

    async def _work(self) -> None:
        while (uid := await self._queue.get()) is not None:
            try:
                if (item := self._graph.find(uid)) is not None:
                    await self._visit(item)
                self._queue.forget(uid)
            except ClusterError as error:
                delay = self._queue.retry(uid)
                log.debug("Garbage collection failed", extra={"uid": uid, "error": str(error), "delay": delay})
            finally:
                self._queue.done(uid)

    async def _visit(self, item: Item) -> None:
        standings = {owner.uid: await self._standing(item, owner) for owner in item.owners}
        # Between the questions and now the object may have changed: the next visit sees that.
        await self._act(item, decide(item, self._graph, standings))

    async def _standing(self, item: Item, owner: Owner) -> Standing:
        """What became of an owner; that one is absent is believed only when the server says so."""
        known = self._graph.find(owner.uid)
        if known is not None and known.namespace in (None, item.namespace):
            return Standing.WAITING if known.waits_for_dependents else Standing.SOLID
        kind = self._kinds.get((owner.group, owner.kind))
        if kind is None:
            return Standing.UNKNOWN
        try:
            live = item_of(kind, await self._cluster.get(kind, item.namespace if kind.namespaced else None, owner.name))
        except NotFound:
            return Standing.ABSENT
        if live.uid != owner.uid:
            return Standing.ABSENT
        return Standing.WAITING if live.waits_for_dependents else Standing.SOLID

    async def _act(self, item: Item, action: Action) -> None:
        match action:
            case None:
                return
            case Delete(propagation=propagation):
                await self._delete(item, propagation)
            case Disown(owners=owners):
                await self._drop_owners(item, frozenset(owners))
            case Release(finalizer=finalizer):
                await self._drop_finalizer(item, finalizer)
            case SetFree(dependents=dependents):
                for dependent in dependents:
                    await self._drop_owners(dependent, frozenset({item.uid}))
                await self._drop_finalizer(item, ORPHAN)
            case Visit(dependents=dependents):
                for dependent in dependents:
                    self._queue.add(dependent.uid)
            case _:
                assert_never(action)

    async def _delete(self, item: Item, propagation: str) -> None:
        """Only in the state that was judged: an object that found an owner meanwhile is looked at again."""
        live = await self._live(item)
        if live is None:
            return
        if item_of(item.kind, live).owners != item.owners:
            raise Conflict(f"{item.kind} '{item.name}' changed its owners")
        version = live["metadata"]["resourceVersion"]
        with suppress(NotFound):
            await self._cluster.delete(
                item.kind, item.namespace, item.name, uid=item.uid, resource_version=version, propagation=propagation
            )

    async def _drop_owners(self, item: Item, uids: frozenset[str]) -> None:
        live = await self._live(item)
        references = (live or {}).get("metadata", {}).get("ownerReferences") or []
        left = [reference for reference in references if reference["uid"] not in uids]
        if live is not None and left != references:
            await self._patch(item, live, {"ownerReferences": left or None})

    async def _drop_finalizer(self, item: Item, finalizer: str) -> None:
        live = await self._live(item)
        finalizers = (live or {}).get("metadata", {}).get("finalizers") or []
        if live is not None and finalizer in finalizers:
            left = [each for each in finalizers if each != finalizer]
            await self._patch(item, live, {"finalizers": left or None})

    async def _live(self, item: Item) -> Manifest | None:
        try:
            live = await self._cluster.get(item.kind, item.namespace, item.name)
        except NotFound:
            return None
        return live if live["metadata"]["uid"] == item.uid else None

    async def _patch(self, item: Item, live: Manifest, metadata: Manifest) -> None:
        """The version just read is the precondition: lists are written whole."""
        version = {"resourceVersion": live["metadata"]["resourceVersion"], "uid": item.uid}
        try:
            await self._cluster.patch(item.kind, item.namespace, item.name, {"metadata": {**version, **metadata}})
        except NotFound:
            return


def kind_of(definition: Manifest) -> Kind:
    """The kind that a CustomResourceDefinition adds, in its stored version."""
    spec = definition["spec"]
    stored = next(version["name"] for version in spec["versions"] if version.get("storage"))
    return Kind(
        group=spec["group"],
        version=stored,
        kind=spec["names"]["kind"],
        plural=spec["names"]["plural"],
        namespaced=spec.get("scope") != "Cluster",
    )
