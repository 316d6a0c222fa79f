"""What a repository's listing shows, kept by following its changes: many TaskSpawners look at one mirror.

all, oldest first ──▶ what has changed since, again and again ──▶ after an hour or so: all once more
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from kelos.api.github_sources import PolledGitHub
from kelos.clients.account import Account
from kelos.clients.github.client import GitHub, Page
from kelos.errors import UserError
from kelos.sources.github.items.records import Kind, Record, floor, in_order, moment, read_record, size_of, written
from kelos.sources.protocol import Listing
from kelos.sources.shelf import Shelf, weigh

OVERLAP = timedelta(minutes=5)
"""Lists learn late of some changes: so much of the past is asked for again."""
SINCE_STEP = timedelta(minutes=10)
"""The question changes only so often: to the same question GitHub can answer that nothing has changed."""
WHOLE_AGAIN_SECONDS = 3600.0
DOUBTFUL_AGAIN_SECONDS = 300.0
"""What was closed while the list was read may have moved another item to a page that was read already."""
IDLE_SECONDS = 7200.0
MIRRORS = 2000
PULLS_A_PAGE = 50
PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is there, in the source's order. `at` is the moment by GitHub's clock; `shown` is for those who look to
    keep what they made of the records, until these change."""

    records: tuple[Record, ...]
    at: datetime
    shown: dict[PolledGitHub, Listing] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Whole:
    """A full listing under way: what breaks off goes on where it was."""

    started_at: datetime
    next_url: str
    records: dict[int, Record] = field(default_factory=dict)
    size_bytes: int = 0

    def take(self, page: Page, kind: Kind) -> None:
        for item in page.items:
            record = read_record(item, kind)
            self.records[record.number] = record
            self.size_bytes += size_of(record)
        self.next_url = page.next_url


class Mirror:
    """The open items, or all, of one kind in one repository."""

    def __init__(
        self,
        github: GitHub,
        *,
        repository: str,
        kind: Kind,
        with_closed: bool,
        monotonic: Callable[[], float],
        chance: Callable[[], float],
        shelf: Shelf,
    ) -> None:
        self._github = github
        self._shelf = shelf
        what = "issues" if kind is Kind.ISSUES else "pull requests"
        self.place = shelf.place("", f"The list of {what} of {repository}", self._forget)
        self._path = f"/repos/{repository}/{kind.value}"
        self._kind = kind
        self._with_closed = with_closed
        self._monotonic = monotonic
        self._chance = chance
        self._lock = asyncio.Lock()
        self._records: dict[int, Record] = {}
        self._whole: _Whole | None = None
        self._is_whole_new = False
        self._cursor: datetime | None = None
        self._asked_since: datetime | None = None
        self._etag = ""
        self._checked_at = self._whole_again_at = float("-inf")
        self._snapshot: Snapshot | None = None
        self._bytes = self._shown_bytes = 0
        self.used_at = float("-inf")

    async def look(self, account: Account, *, max_age_seconds: float) -> Snapshot:
        """As it was at most so long ago. Raises UserError, RateLimited, RemoteError."""
        async with self._lock:
            if self._snapshot is not None and self._monotonic() - self._checked_at < max_age_seconds:
                return self._snapshot
            if self._cursor is None or self._monotonic() >= self._whole_again_at:
                self._cursor = await self._read_whole(account)
            at = await self._follow(account, self._cursor)
            self._weigh()
            self._checked_at = self._monotonic()
            if self._snapshot is None:
                self._snapshot = Snapshot(records=in_order(self._records.values(), self._kind), at=at)
            self._snapshot = replace(self._snapshot, at=at)
            return self._snapshot

    def show(self, snapshot: Snapshot, spec: PolledGitHub, listing: Listing) -> None:
        """Keep what somebody made of a snapshot, as long as that is what is there."""
        snapshot.shown[spec] = listing
        if self._snapshot is not None and self._snapshot.shown is snapshot.shown:
            self._shown_bytes += weigh(listing.sightings)
            if self._bytes + self._shown_bytes > self._shelf.most_bytes:
                snapshot.shown.clear()
                self._shown_bytes = 0
            self._weigh()

    def _weigh(self) -> None:
        """Raises NoRoom when it was dropped meanwhile: half a list would look like all of it."""
        whole = self._whole.size_bytes if self._whole is not None else 0
        try:
            self._shelf.resize(self.place, self._bytes + self._shown_bytes + whole)
        except UserError:
            self._forget()
            raise

    def _forget(self) -> None:
        self._records, self._bytes, self._whole, self._cursor, self._etag = {}, 0, None, None, ""
        self._forget_snapshot()

    def _forget_snapshot(self) -> None:
        self._snapshot, self._shown_bytes = None, 0

    async def _read_whole(self, account: Account) -> datetime:
        """Oldest first: what is new meanwhile comes at the end. Gives the moment it began."""
        if self._whole is None:
            self._shelf.reopen(self.place)
            state = "all" if self._with_closed else "open"
            params: dict[str, str | int] = {"state": state, "sort": "created", "direction": "asc", "per_page": PAGE}
            page = await self._github.page(account, self._path, params)
            self._whole = _Whole(started_at=page.at, next_url=page.next_url)
            self._whole.take(page, self._kind)
        whole = self._whole
        try:
            self._weigh()
            while whole.next_url:
                whole.take(await self._github.page(account, whole.next_url), self._kind)
                self._weigh()
        except UserError:
            self._whole = None
            raise
        self._whole = None
        self._forget_snapshot()
        self._records, self._bytes = whole.records, whole.size_bytes
        self._etag, self._is_whole_new = "", True
        self._whole_again_at = self._monotonic() + WHOLE_AGAIN_SECONDS * (0.75 + self._chance() / 2)
        return whole.started_at

    async def _follow(self, account: Account, cursor: datetime) -> datetime:
        """What has changed since, the last change first: what changes meanwhile only shows up twice."""
        since = floor(cursor - OVERLAP, SINCE_STEP)
        etag = self._etag if self._asked_since == since or self._kind is Kind.PULLS else ""
        page = first = await self._github.page(account, self._path, self._changes(since), etag=etag)
        if first.is_same:
            return first.at
        newest, oldest = cursor, written(since)
        while True:
            records = [read_record(item, self._kind) for item in page.items]
            for record in records:
                self._take(record)
                newest = max(newest, moment(record.updated_at) or newest)
            self._weigh()
            if not page.next_url or (records and records[-1].updated_at < oldest):
                break
            page = await self._github.page(account, page.next_url)
        self._asked_since, self._etag, self._is_whole_new = since, first.etag, False
        self._cursor = newest
        return first.at

    def _changes(self, since: datetime) -> dict[str, str | int]:
        common: dict[str, str | int] = {"state": "all", "sort": "updated", "direction": "desc"}
        if self._kind is Kind.ISSUES:
            return {**common, "per_page": PAGE, "since": written(since)}
        return {**common, "per_page": PULLS_A_PAGE}

    def _take(self, record: Record) -> None:
        known = self._records.get(record.number)
        if known == record or (known is not None and record.updated_at < known.updated_at):
            return
        gone = size_of(known) if known is not None else 0
        if record.is_open or self._with_closed:
            self._records[record.number] = record
            self._bytes += size_of(record) - gone
        elif known is not None:
            del self._records[record.number]
            self._bytes -= gone
            self._doubt()
        else:
            return
        self._forget_snapshot()

    def _doubt(self) -> None:
        """An item that the full listing showed is closed: it may have been while the list was read."""
        if self._is_whole_new:
            soon = self._monotonic() + DOUBTFUL_AGAIN_SECONDS
            self._whole_again_at = min(self._whole_again_at, soon)


class Mirrors:
    """One mirror for each account, repository and kind, as long as somebody looks at it."""

    def __init__(
        self,
        github: GitHub,
        *,
        monotonic: Callable[[], float],
        chance: Callable[[], float],
        shelf: Shelf | None = None,
    ) -> None:
        self._github = github
        self._shelf = shelf or Shelf()
        self._monotonic = monotonic
        self._chance = chance
        self._mirrors: OrderedDict[tuple[str, str, Kind, bool], Mirror] = OrderedDict()

    def of(self, account: Account, repository: str, kind: Kind, *, with_closed: bool, owner: str = "") -> Mirror:
        """With closed items only for those who want them: there are many. `owner` is the namespace that looks."""
        key = (account.key, repository.lower(), kind, with_closed)
        found = self._mirrors.pop(key, None)
        if found is None:
            found = Mirror(
                self._github,
                repository=repository,
                kind=kind,
                with_closed=with_closed,
                monotonic=self._monotonic,
                chance=self._chance,
                shelf=self._shelf,
            )
        self._shelf.use(found.place, owner)
        found.used_at = self._monotonic()
        self._mirrors[key] = found
        self._tidy()
        return found

    def _tidy(self) -> None:
        while len(self._mirrors) > 1:
            key, oldest = next(iter(self._mirrors.items()))
            if len(self._mirrors) <= MIRRORS and self._monotonic() - oldest.used_at < IDLE_SECONDS:
                return
            del self._mirrors[key]
            self._shelf.let_go(oldest.place)
