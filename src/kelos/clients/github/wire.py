"""One exchange with GitHub: signed in, limited in time and size, and never telling a token to another host."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import httpx

from kelos.clients.account import Account
from kelos.clients.flight import Flight
from kelos.clients.github.answers import is_same_host, resource_of
from kelos.clients.reach import Reach
from kelos.errors import RemoteError, UserError

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
WHOLE_SECONDS = 90.0
LARGEST_BYTES = 32 * 1024 * 1024
REDIRECTS = 3

_MOVED = (301, 302, 307, 308)
_MOVED_WITH_BODY = (307, 308)


class Unreachable(RemoteError):
    """There was no answer."""


Sleep = Callable[[float], Awaitable[None]]


class Meter(Protocol):
    """Counts requests. `status` is the code, or `error` without an answer."""

    def request(self, *, method: str, status: str, resource: str, seconds: float) -> None: ...


class Silent:
    """Counts nothing."""

    def request(self, *, method: str, status: str, resource: str, seconds: float) -> None:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that was read to its end."""

    status_code: int
    headers: httpx.Headers
    content: bytes


class Wire:
    """Sends requests as an account."""

    def __init__(
        self, client: httpx.AsyncClient, *, monotonic: Callable[[], float], meter: Meter, flight: Flight | None = None
    ) -> None:
        self._client = client
        self._flight = flight or Flight()
        self._monotonic = monotonic
        self._meter = meter
        self._reach = Reach("GitHub", monotonic)

    async def exchange(self, account: Account, method: str, url: str, *, etag: str = "", body: Any = None) -> Reply:
        """The answer, whatever it says; a token of an App that GitHub took back is replaced once. Raises RemoteError
        without an answer, and UserError when GitHub sends us elsewhere."""
        reply = await self._follow(account, method, url, etag, body)
        if reply.status_code == httpx.codes.UNAUTHORIZED and account.is_app:
            account.forget()
            reply = await self._follow(account, method, url, etag, body)
        return reply

    async def _follow(self, account: Account, method: str, url: str, etag: str, body: Any) -> Reply:
        for _ in range(REDIRECTS + 1):
            reply = await self._timed(account, method, url, etag, body)
            if reply.status_code not in (_MOVED if method == "GET" else _MOVED_WITH_BODY):
                return reply
            target = urljoin(url, reply.headers.get("location", ""))
            if not is_same_host(target, url):
                raise UserError(f"{_named(url)} has moved to another host; name the repository by its new address")
            url = target
        raise RemoteError(f"GitHub sends us round in circles for {_named(url)}")

    async def _timed(self, account: Account, method: str, url: str, etag: str, body: Any) -> Reply:
        headers = _headers(await account.token(), etag)
        self._reach.check(account.api_url)
        started = self._monotonic()
        status = "error"
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                reply = await self._ask(method, url, headers, body)
            status = str(reply.status_code)
            self._reach.found(account.api_url)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            self._reach.lost(account.api_url)
            raise Unreachable(f"GitHub cannot be reached at {account.api_url} ({type(error).__name__})") from None
        finally:
            seconds = self._monotonic() - started
            self._meter.request(method=method, status=status, resource=resource_of(url), seconds=seconds)
        return reply

    async def _ask(self, method: str, url: str, headers: dict[str, str], body: Any) -> Reply:
        request = self._client.build_request(method, url, headers=headers, json=body, timeout=TIMEOUT)
        request.headers.pop("Cookie", None)  # what an earlier answer left may have been for another account
        answer = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            with self._flight.answer(f"GitHub's answer to {_named(url)}") as grow:
                content = bytearray()
                async for piece in answer.aiter_bytes():
                    grow(len(piece))
                    content += piece
                    if len(content) > LARGEST_BYTES:
                        raise RemoteError(f"GitHub's answer to {_named(url)} is larger than {LARGEST_BYTES} bytes")
                return Reply(status_code=answer.status_code, headers=answer.headers, content=bytes(content))
        finally:
            await answer.aclose()


def _headers(token: str, etag: str) -> dict[str, str]:
    headers = {
        "Accept": "application/vnd.github+json",
        "User-Agent": "kelos",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if etag:
        headers["If-None-Match"] = etag
    return headers


def _named(url: str) -> str:
    return urlsplit(url).path
