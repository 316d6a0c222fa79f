"""The step itself: threads bring news, one loop takes them one by one until every Task has its ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue

from kelos.action import cancel
from kelos.action.chain.followed import Followed, Surroundings
from kelos.action.chain.plan import Chain, Link
from kelos.action.limits import Silence
from kelos.action.log.book import LogBook
from kelos.action.news.events import Broken, Created, Event, Post, Signalled
from kelos.action.news.submission import Submission

IN_FLIGHT_SECONDS = 1.5
INTERRUPT_SECONDS = 5.0


class Step:
    """One use of the Action in a cluster, from submit to the last ending; run it once."""

    def __init__(self, chain: Chain, around: Surroundings, book_for: Callable[[Link, str], LogBook]) -> None:
        self._chain, self._around = chain, around
        self._events: SimpleQueue[tuple[str, Event]] = SimpleQueue()
        self._silence = Silence(began_at=around.clock())
        self._began_at = around.clock()
        self.is_interrupted = False
        self._followed = {
            link.key: self._follow(link, around.folder / f"task-{number}.json", book_for)
            for number, link in enumerate(chain.links, start=1)
        }

    @property
    def tasks(self) -> tuple[Followed, ...]:
        """Every Task, in the order in which their ends were known."""
        return tuple(sorted(self._followed.values(), key=lambda one: one.decided_at))

    def run(self) -> None:
        """Submit, follow, conclude. Whatever happens, every Task has an ending then."""
        cancel.catch_signals(self._post_for(""))
        Submission(
            chain=self._chain,
            api=self._around.api,
            begin={key: one.hold.begin for key, one in self._followed.items()},
            posts={key: self._post_for(key) for key in self._followed},
            patience={key: one.threads.patience() for key, one in self._followed.items()},
        ).start()
        while not self._is_over():
            for one in self._followed.values():
                one.tick()
            if not self._is_over():
                self._next()
        for one in self._followed.values():
            one.threads.hurry()

    def _follow(self, link: Link, note: Path, book_for: Callable[[Link, str], LogBook]) -> Followed:
        manifest = self._chain.build(link, self._chain.names())
        agent_type = str((manifest["spec"].get("worker") or manifest["spec"]).get("type"))
        return Followed(
            link.key,
            manifest,
            inputs=self._chain.inputs_of(link),
            workflow=self._chain.workflow_of(link),
            around=self._around,
            note=note,
            book=book_for(link, agent_type),
            silence=self._silence,
            post=self._post_for(link.key),
        )

    def _is_over(self) -> bool:
        for one in self._followed.values():
            if one.ending:
                one.book.close()
        return all(one.ending for one in self._followed.values())

    def _next(self) -> None:
        now = self._around.clock()
        if self._silence.is_over(now):
            self._give_a_sign(now)
        moments = [one.seconds_to_next() for one in self._followed.values()]
        try:
            key, event = self._events.get(timeout=min(*moments, self._silence.seconds_left(now)) + 0.01)
        except Empty:
            return
        if isinstance(event, Signalled):
            self._interrupt()
            return
        one = self._followed[key]
        if one.ending is None:
            one.take(event)
        if isinstance(event, Broken) and one.created is None:
            self._each(lambda other: other.drop(f"Task '{key}' of the same task-file could not be created"))

    def _give_a_sign(self, now: float) -> None:
        minutes = round((now - self._began_at) / 60)
        for one in self._followed.values():
            if one.ending is None:
                spent = f" ({one.book.spent} so far)" if one.book.spent else ""
                one.say(f"after {minutes} min: {one.news or 'not submitted yet'}{spent}")

    def _interrupt(self) -> None:
        self.is_interrupted = True
        for one in self._followed.values():
            one.threads.hurry()
        self._await_answers()
        self._each(Followed.interrupt)
        for one in self._followed.values():
            one.give_up()

    def _await_answers(self) -> None:
        """A POST on its way usually answers at once, and then the Task's uid is known."""
        until = self._around.clock() + IN_FLIGHT_SECONDS
        waiting = [one for one in self._followed.values() if one.is_in_flight and not one.hold.bar()]
        while any(one.is_in_flight for one in waiting) and (left := until - self._around.clock()) > 0:
            try:
                key, event = self._events.get(timeout=left)
            except Empty:
                return
            if isinstance(event, Created):
                self._followed[key].know(event.task, event.is_new)
            elif isinstance(event, Broken):
                self._followed[key].refuse(event)

    def _each(self, deed: Callable[[Followed], None]) -> None:
        """Do it to every Task that goes on, at once: a runner gives a stopped step 7.5 seconds for all of them."""
        open_ones = [one for one in self._followed.values() if one.ending is None]
        threads = [threading.Thread(target=deed, args=(one,), daemon=True) for one in open_ones]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(INTERRUPT_SECONDS)

    def _post_for(self, key: str) -> Post:
        return lambda event: self._events.put((key, event))
