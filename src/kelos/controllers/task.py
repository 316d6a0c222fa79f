"""The Task controller: caches feed a queue, each key is observed, planned and applied."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from random import Random

from kelos.api.kinds import CONFIG_MAP, SECRET, Kind, Manifest
from kelos.apply import Refused, Systems, Taken, Tokens, apply
from kelos.cluster.protocol import Cluster
from kelos.cluster.queue import Meter, Queue
from kelos.cluster.watch import Cache
from kelos.controllers.books import Books, Tally
from kelos.controllers.client_leases import ClientLeases
from kelos.controllers.input_watch import InputWatches
from kelos.controllers.lock_view import LockReader
from kelos.controllers.loop import WORKERS, Log, Loop
from kelos.controllers.loop import Meter as PassMeter
from kelos.controllers.pod_view import PodReader
from kelos.controllers.start_view import StartReader
from kelos.controllers.task_caches import Key, build_caches, key_of, owner_keys, subscribe
from kelos.controllers.task_view import Observer
from kelos.controllers.warnings import Warnings
from kelos.errors import TokenUnavailable, UserError
from kelos.plan import Plan
from kelos.pods.job import job_name
from kelos.settings import Settings
from kelos.tasks.accounts.record import plan_leftovers
from kelos.tasks.blockers import awaited
from kelos.tasks.evidence.facts import read_job
from kelos.tasks.held.token import plan_renewal_failed
from kelos.tasks.plan import plan, plan_unreadable
from kelos.tasks.start import plan_no_token, plan_refusal, plan_taken
from kelos.tasks.view import TaskView

RESYNC_SECONDS = 600.0
FRESH_SECONDS = 30.0
"""How old a view may be when something is created on its word."""
LONGEST_PASS_SECONDS = 600.0
"""Every request of a pass has a limit of its own; a pass that lasts this long hangs."""


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
        meter: Meter | None = None,
        tokens: Tokens | None = None,
        passes: PassMeter | None = None,
        tally: Tally | None = None,
        rng: Random | None = None,
    ) -> None:
        self.caches = build_caches(cluster, namespace, partial(Cache, rng=rng))
        self.queue: Queue[Key] = Queue(meter=meter, rng=rng)
        self._leases = ClientLeases(monotonic, self._in_touch_since)
        self._observer = Observer(
            cluster=cluster,
            caches=self.caches,
            start=StartReader(cluster=cluster, locks=LockReader(cluster=cluster, caches=self.caches)),
            pods=PodReader(cluster=cluster, caches=self.caches, now=now),
            settings=settings,
            now=now,
            leases=self._leases,
            warnings=Warnings(cluster, monotonic),
        )
        self._books = Books(tasks=self.caches.tasks, log=log, tally=tally)
        self._systems = Systems(
            cluster=cluster,
            now=now,
            warn=log.warning,
            recorded=self._books.recorded,
            monotonic=monotonic,
            tokens=tokens,
        )
        self._loop = Loop("task", self.queue, self.reconcile, log, describe=_names, meter=passes)
        self._missing = {kind: InputWatches(cluster, kind, self.queue.add) for kind in (SECRET, CONFIG_MAP)}
        subscribe(self.caches, self.queue.add)

    async def run(self, workers: int = WORKERS) -> None:
        """Run until cancelled. Decisions begin when every cache is complete."""
        watching = [asyncio.create_task(cache.run()) for cache in self.caches]
        try:
            await self.wait_synced()
            watching.append(asyncio.create_task(self._look_at_everything()))
            await self._loop.run(workers)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, self.close(), return_exceptions=True)

    async def close(self) -> None:
        """End what passes have started."""
        for watches in self._missing.values():
            await watches.close()

    async def _look_at_everything(self) -> None:
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            self.resync()

    def resync(self) -> None:
        """Have every Task looked at, and every pod whose Task is gone: the net below all wake-ups."""
        for manifest in self.caches.tasks.list():
            self.queue.add(key_of(manifest))
        for pod in self.caches.pods.list():
            for key in owner_keys(pod):
                self.queue.add(key)

    def _in_touch_since(self) -> float | None:
        """Since when the API answers, as far as any of our watches noticed; None while it does not."""
        moments = [cache.in_touch_since() for cache in self.caches]
        known = [moment for moment in moments if moment is not None]
        return max(known) if len(known) == len(moments) else None

    async def wait_synced(self) -> None:
        for cache in self.caches:
            await cache.wait_synced()

    def complaint(self) -> str:
        """What only a restart can mend, in a sentence; empty when all is well."""
        for cache in self.caches:
            state = cache.freshness()
            if not state.is_healthy:
                why = f": {state.last_error}" if state.last_error else ""
                return f"Nothing was heard about kind {cache.kind} for {state.silent_seconds:.0f} seconds{why}"
        match self.queue.longest_work():
            case ((namespace, name), seconds) if seconds > LONGEST_PASS_SECONDS:
                return f"A pass over Task '{name}' in namespace '{namespace}' has lasted {seconds:.0f} seconds"
        return ""

    def unready(self) -> str:
        """What this controller still waits for before it can work; empty also while another one leads."""
        waiting = [cache for cache in self.caches if cache.is_running and not cache.synced.is_set()]
        if not waiting:
            return ""
        why = next((error for cache in waiting if (error := cache.freshness().last_error)), "")
        return f"Still reading {', '.join(str(cache.kind) for cache in waiting)}" + (f": {why}" if why else "")

    async def reconcile(self, key: Key) -> float | None:
        """One pass over one Task and what earlier ones of its name left; in how many seconds to look again."""
        again = await self._pass(key)
        leftovers = await self._observer.pods.leftovers(*key)
        await apply(plan_leftovers(leftovers, self._systems.now()), self._systems)
        return again

    async def _pass(self, key: Key) -> float | None:
        fresh_until = self._systems.monotonic() + FRESH_SECONDS
        try:
            view = await self._observer.observe(*key)
        except UserError as error:
            task, job = self.caches.tasks.get(*key) or {}, self.caches.jobs.get(key[0], job_name(key[1]))
            facts = read_job(job) if job is not None else None
            decided = plan_unreadable(task, str(error), self._systems.now(), facts)
            await apply(decided, self._that_learn(task.get("status") or {}))
            return None
        if view is None:
            self._leases.forget(key)
            self._expect(key, {})
            return None
        self._expect(key, awaited(view))
        return await self._carry_out(plan(view), view, fresh_until)

    def _expect(self, key: Key, missing: Mapping[Kind, Iterable[str]]) -> None:
        for kind, watches in self._missing.items():
            watches.expect(key, missing.get(kind, ()))

    async def _carry_out(self, decided: Plan, view: TaskView, fresh_until: float) -> float | None:
        systems = self._that_learn(view.status)
        try:
            await apply(decided, systems, fresh_until=fresh_until)
        except Refused as refused:
            decided = plan_refusal(view, refused.step, refused.answer)
            await apply(decided, systems)
        except Taken as taken:
            decided = plan_taken(view, taken.kind, taken.name)
            await apply(decided, systems)
        except TokenUnavailable as why:
            decided = plan_renewal_failed(view, decided, why) if view.owns_job else plan_no_token(view, why)
            await apply(decided, systems)
        self._books.ended(view, decided)
        return decided.again_in_seconds

    def _that_learn(self, before: Manifest) -> Systems:
        """The systems for one pass: what a status becomes is told beside what it was."""
        return replace(self._systems, learn=partial(self._books.status_written, before))


def _names(key: Key) -> dict[str, str]:
    return {"namespace": key[0], "task": key[1]}
