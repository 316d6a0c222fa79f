"""An issue tracker in memory: what it shows may be old, it may refuse, be slow, or hang."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from kelos.api.work_item import Sighting, Trigger, WorkItem
from kelos.errors import RateLimited, RemoteError, UserError
from kelos.sources.protocol import Listing
from simulation.door import Weather


@dataclass(frozen=True, slots=True)
class Issue:
    """One state of an issue. `triggers` are the numbers of comments that ask for a Task, oldest first, with times."""

    key: str
    revision: str
    is_open: bool = True
    triggers: tuple[tuple[int, datetime], ...] = ()

    @property
    def trigger(self) -> Trigger:
        if not self.triggers:
            return Trigger()
        number, at = self.triggers[-1]
        return Trigger(key=f"comment:{number}", at=at)


@dataclass
class Tracker:
    """Every state of every issue, with the moment since when it is so."""

    clock: Callable[[], float]
    now: Callable[[], datetime]
    weather: Weather
    history: dict[str, list[tuple[float, Issue]]] = field(default_factory=dict)
    looks: int = 0
    reads: int = 0
    _comments: int = 0

    def open(self, key: str) -> None:
        self._change(key, is_open=True)

    def close(self, key: str) -> None:
        self._change(key, is_open=False)

    def talk(self, key: str) -> None:
        """A comment that asks for nothing."""
        self._change(key)

    def ask(self, key: str) -> None:
        self._comments += 1
        asked = (self._comments, self.now().replace(microsecond=0))
        self._change(key, triggers=(*self.latest(key).triggers, asked))

    def take_back(self, key: str) -> None:
        """The latest comment that asks is deleted."""
        self._change(key, triggers=self.latest(key).triggers[:-1])

    def latest(self, key: str) -> Issue:
        states = self.history.get(key)
        return states[-1][1] if states else Issue(key=key, revision="")

    def as_of(self, moment: float) -> list[Issue]:
        """The newest state of each issue that was there at that moment."""
        found = []
        for states in self.history.values():
            known = [issue for since, issue in states if since <= moment]
            found += known[-1:]
        return found

    def _change(self, key: str, **facts: object) -> None:
        moment = self.now().replace(microsecond=0).isoformat()
        issue = replace(self.latest(key), revision=moment, **facts)  # type: ignore[arg-type]
        self.history.setdefault(key, []).append((self.clock(), issue))


@dataclass
class IssueSource:
    """What one spawner sees of the tracker. `asks`: only issues with a comment that asks become Tasks."""

    tracker: Tracker
    asks: bool

    async def look(self) -> Listing:
        self.tracker.looks += 1
        await self._travel()
        found = [issue for issue in self.tracker.as_of(self.tracker.clock()) if issue.is_open]
        return Listing(sightings=tuple(Sighting(key=issue.key, revision=issue.revision) for issue in found))

    async def read(self, sighting: Sighting) -> WorkItem | None:
        self.tracker.reads += 1
        await self._travel()
        # A listing may tell of a change that nobody can read yet.
        shown = self.tracker.as_of(self.tracker.clock() - self.tracker.weather.amount("tracker lags"))
        issue = next((issue for issue in shown if issue.key == sighting.key), None)
        if issue is None or not issue.is_open or (self.asks and not issue.triggers):
            return None
        trigger = issue.trigger if self.asks else Trigger()
        return WorkItem(key=issue.key, revision=issue.revision, trigger=trigger)

    async def _travel(self) -> None:
        weather = self.tracker.weather
        await asyncio.sleep(weather.amount("tracker hangs") or 0.02)
        if weather.amount("token is dead"):
            raise UserError("GitHub does not accept the token; renew it")
        if weather.amount("tracker is down"):
            raise RemoteError("502 Bad Gateway")
        if weather.amount("rate limit"):
            raise RateLimited("slow down", retry_at=self.tracker.now() + timedelta(seconds=20))
