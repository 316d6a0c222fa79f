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
from kelos.sources.github.items.records import Kind, Record, floor, in_order, moment, read_record, written
from kelos.sources.protocol import Listing

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

    def take(self, page: Page, kind: Kind) -> None:
        for item in page.items:
            record = read_record(item, kind)
            self.records[record.number] = record
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
    ) -> None:
        self._github = github
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
        self.used_at = float("-inf")

    async def look(self, account: Account, *, max_age_seconds: float) -> Snapshot:
        """As it was at most so long ago. Raises UserError, RateLimited, RemoteError."""
        async with self._lock:
            if self._snapshot is not None and self._monotonic() - self._checked_at < max_age_seconds:
                return self._snapshot
            if self._cursor is None or self._monotonic() >= self._whole_again_at:
                self._cursor = await self._read_whole(account)
            at = await self._follow(account, self._cursor)
            self._checked_at = self._monotonic()
            if self._snapshot is None:
                self._snapshot = Snapshot(records=in_order(self._records.values(), self._kind), at=at)
            self._snapshot = replace(self._snapshot, at=at)
            return self._snapshot

    async def _read_whole(self, account: Account) -> datetime:
        """Oldest first: what is new meanwhile comes at the end. Gives the moment it began."""
        if self._whole is None:
            state = "all" if self._with_closed else "open"
            params: dict[str, str | int] = {"state": state, "sort": "created", "direction": "asc", "per_page": PAGE}
            page = await self._github.page(account, self._path, params)
            self._whole = _Whole(started_at=page.at, next_url=page.next_url)
            self._whole.take(page, self._kind)
        whole = self._whole
        try:
            while whole.next_url:
                whole.take(await self._github.page(account, whole.next_url), self._kind)
        except UserError:
            self._whole = None
            raise
        self._whole = self._snapshot = None
        self._records, self._etag, self._is_whole_new = whole.records, "", True
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
        if record.is_open or self._with_closed:
            self._records[record.number] = record
        elif known is not None:
            del self._records[record.number]
            self._doubt()
        else:
            return
        self._snapshot = None

    def _doubt(self) -> None:
        """An item that the full listing showed is closed: it may have been while the list was read."""
        if self._is_whole_new:
            soon = self._monotonic() + DOUBTFUL_AGAIN_SECONDS
            self._whole_again_at = min(self._whole_again_at, soon)


class Mirrors:
    """One mirror for each account, repository and kind, as long as somebody looks at it."""

    def __init__(self, github: GitHub, *, monotonic: Callable[[], float], chance: Callable[[], float]) -> None:
        self._github = github
        self._monotonic = monotonic
        self._chance = chance
        self._mirrors: OrderedDict[tuple[str, str, Kind, bool], Mirror] = OrderedDict()

    def of(self, account: Account, repository: str, kind: Kind, *, with_closed: bool) -> Mirror:
        """With closed items only for those who want them: a repository has many."""
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
            )
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
