"""The reporter: what becomes of Tasks is told where they come from, whether their TaskSpawner still runs or not.

Of two reporters that do not know of each other one gets through: intents are written on the Task as it was seen.
What was said although the answer got lost is found again by its mark before anything is said twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from random import Random
from typing import Protocol

from kelos.api.kinds import TASK
from kelos.api.names import ANNOTATION_CHECK_PHASE, ANNOTATION_REPORT_PHASE
from kelos.apply import Systems, apply
from kelos.cluster.protocol import Cluster
from kelos.cluster.queue import Meter, Queue
from kelos.cluster.watch import Cache
from kelos.controllers.loop import Log, Loop
from kelos.controllers.loop import Meter as PassMeter
from kelos.controllers.reporter.checks import Checks
from kelos.controllers.reporter.comments import Comments
from kelos.controllers.reporter.failures import Failures
from kelos.controllers.reporter.notes import Notes
from kelos.controllers.reporter.threads import Threads
from kelos.controllers.reporter.writers import Hopeless, Writers
from kelos.errors import RemoteError, UserError
from kelos.plan import EventType, Plan, Tell
from kelos.reporting.plan import GIVEN_UP, check_news, comment_news, is_given_up, is_told
from kelos.reporting.subject import Subject
from kelos.reporting.thread import ThreadKey

WORKERS = 4
RESYNC_SECONDS = 600.0


class Channel(str, Enum):
    """Ways to tell; each fails by itself."""

    COMMENT = "comment"
    CHECK = "check"


class Tally(Protocol):
    """Who counts reports, by channel and by `delivered`, `failed` or `given up`."""

    def reported(self, channel: str, result: str, reports: int) -> None: ...


class Reporter:
    """Reports on the Tasks of a cache that somebody else keeps up to date."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        tasks: Cache,
        writers: Writers,
        now: Callable[[], datetime],
        log: Log,
        meter: Meter | None = None,
        passes: PassMeter | None = None,
        tally: Tally | None = None,
        rng: Random | None = None,
    ) -> None:
        self.queue: Queue[ThreadKey] = Queue(meter=meter, rng=rng)
        self._tasks = tasks
        self._threads = Threads(tasks, self.queue.add)
        self._notes = Notes(cluster=cluster, tasks=tasks, now=now)
        self._comments = Comments(notes=self._notes, writers=writers, now=now)
        self._checks = Checks(notes=self._notes, writers=writers, now=now)
        self._failures = Failures(now, rng or Random())
        self._systems = Systems(cluster=cluster, now=now, warn=log.warning)
        self._now = now
        self._log = log
        self._tally = tally
        self._loop = Loop("reporter", self.queue, self.reconcile, log, describe=_names, meter=passes)

    async def run(self, workers: int = WORKERS) -> None:
        """Run until cancelled. Reports begin when the cache is complete."""
        await self._tasks.wait_synced()
        looking = asyncio.create_task(self._look_at_everything())
        try:
            await self._loop.run(workers)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look_at_everything(self) -> None:
        """The net below all wake-ups."""
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            for key in self._threads.all():
                self.queue.add(key)

    async def reconcile(self, key: ThreadKey) -> float | None:
        """One pass over one thread; in how many seconds to look again."""
        waits = [await self._comment(key), *await self._check_all(key)]
        thread = self._threads.find(key)
        self._failures.keep(key, {"", *(s.uid for s in thread.subjects)} if thread is not None else set())
        for subject in thread.subjects if thread is not None else ():
            if subject.owes and is_told(subject):
                await self._notes.close(subject)
        return min((wait for wait in waits if wait is not None), default=None)

    async def _comment(self, key: ThreadKey) -> float | None:
        thread = self._threads.find(key)
        if thread is None:
            return None
        if (pause := self._failures.wait(key, "")) > 0:
            return pause
        try:
            wait = await self._comments.deliver(thread)
        except (UserError, RemoteError) as error:
            owed = [s for s in thread.subjects if comment_news(s) is not None]
            return await self._failed(Channel.COMMENT, key, "", owed, error)
        if wait is None:
            self._failures.forget(key, "")
            self._count(Channel.COMMENT, "delivered", sum(comment_news(s) is not None for s in thread.subjects))
        return wait

    async def _check_all(self, key: ThreadKey) -> list[float | None]:
        """Each Task's check after the other; a thread seldom has more than one that is due."""
        thread = self._threads.find(key)
        return [await self._check(key, subject) for subject in thread.subjects] if thread is not None else []

    async def _check(self, key: ThreadKey, subject: Subject) -> float | None:
        if (pause := self._failures.wait(key, subject.uid)) > 0:
            return pause
        try:
            wait = await self._checks.deliver(subject)
        except (UserError, RemoteError) as error:
            return await self._failed(Channel.CHECK, key, subject.uid, [subject], error)
        if wait is None:
            self._failures.forget(key, subject.uid)
            self._count(Channel.CHECK, "delivered", int(check_news(subject) is not None))
        return wait

    async def _failed(
        self, channel: Channel, key: ThreadKey, what: str, owed: Sequence[Subject], error: UserError | RemoteError
    ) -> float | None:
        """One channel failed: the other one goes on. When it has failed for too long, it is given up with an event."""
        failure, wait = self._failures.failed(key, what, error)
        self._log.warning("Report failed", channel=channel.value, error=str(error), again_in=wait)
        self._count(channel, "failed")
        left = []
        for subject in owed:
            if is_given_up(subject, failure.since, self._now(), is_hopeless=isinstance(error, Hopeless)):
                await self._give_up(channel, subject, error)
            else:
                left.append(subject)
        if isinstance(error, UserError) and left:
            await self._tell(left[-1], "ReportFailed", f"The {channel.value} could not be written: {error}")
        if not left:
            self._failures.forget(key, what)
        return wait if left and not isinstance(error, Hopeless) else None

    async def _give_up(self, channel: Channel, subject: Subject, error: Exception) -> None:
        annotation = ANNOTATION_REPORT_PHASE if channel is Channel.COMMENT else ANNOTATION_CHECK_PHASE
        await self._notes.note(subject, {annotation: GIVEN_UP})
        await self._tell(subject, "ReportGivenUp", f"The last {channel.value} was not written: {error}")
        self._log.warning("Report given up", channel=channel.value, task=subject.name, error=str(error))
        self._count(channel, "given up")

    async def _tell(self, subject: Subject, reason: str, message: str) -> None:
        event = Tell(
            kind=TASK,
            namespace=subject.namespace,
            name=subject.name,
            uid=subject.uid,
            type=EventType.WARNING,
            reason=reason,
            message=message,
        )
        await apply(Plan(steps=(event,)), self._systems)

    def _count(self, channel: Channel, result: str, reports: int = 1) -> None:
        if self._tally is not None:
            self._tally.reported(channel.value, result, reports)


def _names(key: ThreadKey) -> dict[str, str]:
    return {"namespace": key.namespace, "thread": f"{key.name} {key.item}".rstrip()}
