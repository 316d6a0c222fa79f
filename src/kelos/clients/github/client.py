"""GitHub's REST API for readers: conditional, paged to the end, within limits, and each question asked once at a time.

Three ways to read: `page` for those who keep track themselves, `get` for one thing, `pages` for all of a list.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from kelos.clients.account import Account
from kelos.clients.flight import LIST_BYTES, OBJECT_BYTES, Flight, TooMuch, decode
from kelos.clients.github.answers import Missing, date_of, next_page, refusal
from kelos.clients.github.budget import Budget
from kelos.clients.github.kept import ALL_BYTES, Kept, Store
from kelos.clients.github.wire import Meter, Reply, Silent, Sleep, Unreachable, Wire
from kelos.errors import RemoteError, UserError

TRIES = 3
FIRST_WAIT_SECONDS = 1.0
ACCOUNTS = 5000
NOT_MODIFIED = 304

Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of a list. When it `is_same` as before, nothing was sent. `at` is the moment by GitHub's clock."""

    items: list[dict[str, Any]]
    etag: str
    next_url: str
    at: datetime
    is_same: bool = False


class GitHub:
    """Raises UserError for what a person must mend (Missing when it is not there), RateLimited, RemoteError."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        chance: Callable[[], float],
        sleep: Sleep = asyncio.sleep,
        meter: Meter | None = None,
        kept_bytes: int = ALL_BYTES,
        flight: Flight | None = None,
    ) -> None:
        """`kept_bytes`: of answers that may be asked for again."""
        self._wire = Wire(client, monotonic=monotonic, meter=meter or Silent(), flight=flight)
        self._now = now
        self._chance = chance
        self._sleep = sleep
        self._store = Store(limit_bytes=kept_bytes)
        self._budgets: OrderedDict[str, Budget] = OrderedDict()
        self._asked: dict[tuple[str, str, str, int], asyncio.Task[Reply]] = {}

    async def page(self, account: Account, target: str, params: Params | None = None, *, etag: str = "") -> Page:
        """One page of a list; with the ETag of an earlier answer only if it is another one. `target` is a path or
        `next_url`."""
        url = _address(account, target, params)
        reply = await self._read(account, url, etag)
        return Page(
            items=[] if reply.status_code == NOT_MODIFIED else _list(reply.content, url),
            etag=reply.headers.get("etag", ""),
            next_url=next_page(reply.headers.get("link", ""), url),
            at=date_of(reply.headers) or self._now(),
            is_same=reply.status_code == NOT_MODIFIED,
        )

    async def get(self, account: Account, path: str, *, as_of: str = "") -> dict[str, Any]:
        """One object. Whoever names the same `as_of` again gets the same answer without a request."""
        url = _address(account, path, None)
        found = _decoded((await self._kept(account, url, as_of)).content, url, OBJECT_BYTES)
        if not isinstance(found, dict):
            raise _unreadable(url)
        return found

    async def find(self, account: Account, path: str, *, as_of: str = "") -> dict[str, Any] | None:
        """One object, or None when it is not there."""
        try:
            return await self.get(account, path, as_of=as_of)
        except Missing:
            return None

    async def pages(
        self, account: Account, path: str, params: Params | None = None, *, as_of: str = ""
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """A list to its end, page by page, a hundred on each."""
        url = _address(account, path, {"per_page": 100, **(params or {})})
        while url:
            kept = await self._kept(account, url, as_of)
            yield _list(kept.content, url)
            url = next_page(kept.link, url)

    async def send(self, account: Account, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change something, once: after a RemoteError nobody knows whether it was done."""
        if account.is_anonymous:
            raise UserError("nothing can be written to GitHub without a token; name a Secret")
        budget, url = self._budget(account), _address(account, path, None)
        budget.check(str(account), is_write=True)
        async with budget.slots:
            budget.writes += 1
            try:
                reply = await self._wire.exchange(account, method, url, body=dict(body))
            finally:
                budget.writes += 1
        retry_at = budget.learn(reply)
        if not 200 <= reply.status_code < 300:
            raise _refused(reply, method, url, account, retry_at)
        found = _decoded(reply.content, url, OBJECT_BYTES) if reply.content else {}
        return found if isinstance(found, dict) else {}

    async def _kept(self, account: Account, url: str, as_of: str) -> Kept:
        """Through the store: as of the same moment no request at all, else one that may say that nothing changed."""
        kept = self._store.find(account.key, url)
        if kept is not None and as_of and kept.as_of == as_of:
            return kept
        reply = await self._read(account, url, kept.etag if kept is not None else "")
        if kept is not None and reply.status_code == NOT_MODIFIED:
            new = Kept(etag=kept.etag, content=kept.content, link=kept.link, as_of=as_of)
        else:
            headers = reply.headers
            etag, link = headers.get("etag", ""), headers.get("link", "")
            new = Kept(etag=etag, content=reply.content, link=link, as_of=as_of)
        self._store.put(account.key, url, new)
        return new

    async def _read(self, account: Account, url: str, etag: str) -> Reply:
        """Those who ask the same at the same time get the same answer, unless something was written in between; who
        goes away does not end it for others."""
        key = (account.key, url, etag, self._budget(account).writes)
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._patiently(account, url, etag))
            task.add_done_callback(lambda done: self._answered(key, done))
        return await asyncio.shield(task)

    def _answered(self, key: tuple[str, str, str, int], task: asyncio.Task[Reply]) -> None:
        self._asked.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever still waits gets it; nobody has to

    async def _patiently(self, account: Account, url: str, etag: str) -> Reply:
        for count in range(TRIES):
            is_last = count == TRIES - 1
            try:
                reply = await self._once(account, url, etag)
            except Unreachable:
                if is_last:
                    raise
            else:
                if reply.status_code < 500 or is_last:
                    break
            await self._sleep(FIRST_WAIT_SECONDS * 2.0**count * (0.5 + self._chance()))
        if reply.status_code not in (httpx.codes.OK, NOT_MODIFIED):
            raise _refused(reply, "GET", url, account, None)
        return reply

    async def _once(self, account: Account, url: str, etag: str) -> Reply:
        budget = self._budget(account)
        async with budget.slots:
            budget.check(str(account))
            reply = await self._wire.exchange(account, "GET", url, etag=etag)
        if (retry_at := budget.learn(reply)) is not None:
            raise _refused(reply, "GET", url, account, retry_at)
        if reply.status_code == httpx.codes.UNAUTHORIZED:
            budget.reject(str(unknown := _refused(reply, "GET", url, account, None)))
            raise unknown
        return reply

    def _budget(self, account: Account) -> Budget:
        found = self._budgets.get(account.key)
        if found is None:
            found = self._budgets[account.key] = Budget(now=self._now, chance=self._chance)
            while len(self._budgets) > ACCOUNTS:
                self._budgets.popitem(last=False)
        self._budgets.move_to_end(account.key)
        return found


def _address(account: Account, target: str, params: Params | None) -> str:
    url = target if target.startswith(("https://", "http://")) else f"{account.api_url}{target}"
    return f"{url}?{urlencode(params)}" if params else url


def _refused(reply: Reply, method: str, url: str, account: Account, retry_at: datetime | None) -> Exception:
    path = url.partition("?")[0].removeprefix(account.api_url)
    return refusal(reply, method=method, path=path, who=str(account), retry_at=retry_at)


def _decoded(content: bytes, url: str, most_bytes: int) -> Any:
    try:
        return decode(content, most_bytes)
    except TooMuch as error:
        raise RemoteError(f"GitHub's answer to {urlsplit(url).path} is not decoded: {error}") from None
    except ValueError:
        raise _unreadable(url) from None


def _list(content: bytes, url: str) -> list[dict[str, Any]]:
    found = _decoded(content, url, LIST_BYTES)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise _unreadable(url)
    return found


def _unreadable(url: str) -> RemoteError:
    return RemoteError(f"GitHub's answer to {urlsplit(url).path} cannot be read; see whether a proxy changes it")
