"""Jira, Cloud and Data Center: searches that read every page, one issue, and its newest comments.

Cloud pages by token at `search/jql`; Data Center does not know that address and pages by number at `search`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from kelos.clients.flight import LIST_BYTES, Flight, TooMuch, decode
from kelos.clients.jira_login import KEY_TOKEN, KEY_USER, Site
from kelos.clients.reach import Reach
from kelos.clients.web import Answer, Bounds, Request, Unanswered, ask, site, words
from kelos.errors import RateLimited, RemoteError, UserError

TIMEOUT_SECONDS = 30.0
ANSWER_BYTES = 16 * 1024 * 1024
PAGE = 100
LIMITED_SECONDS, LONGEST_LIMIT_SECONDS = 60.0, 3600.0
REMEMBERED = 1000

_BOUNDS = Bounds(seconds=TIMEOUT_SECONDS, size_bytes=ANSWER_BYTES, redirects=3, may_leave=False)
_LOGIN_FAILED = ("AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comments:
    """A page of comments, and how many there are on all pages."""

    page: tuple[Json, ...]
    total: int = 0


class Jira:
    """Asks any number of sites. It remembers which of them page by number, and until when to leave which alone."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        flight: Flight | None = None,
    ) -> None:
        self._client = client
        self._flight = flight or Flight()
        self._reach = Reach("Jira", monotonic)
        self._now = now
        self._by_number: dict[str, None] = {}
        self._limited: dict[Site, datetime] = {}

    async def search(self, place: Site, jql: str, fields: tuple[str, ...]) -> AsyncGenerator[list[Json]]:
        """Every issue that matches, in Jira's order, page by page; one that moves meanwhile may come twice."""
        query = {"jql": jql, "maxResults": str(PAGE), "fields": ",".join(fields)}
        async with aclosing(self._pages(place, query)) as pages:
            async for page in pages:
                for issue in page:
                    _key(issue, place)
                yield page

    async def find_issue(self, place: Site, key: str, fields: tuple[str, ...]) -> Json | None:
        """One issue; None when there is none, or none that may be seen."""
        answer = await self._get(
            place, f"issue/{quote(key, safe='')}", {"fields": ",".join(fields)}, absent_is_fine=True
        )
        if answer is not None:
            _key(answer, place)
        return answer

    async def comments(self, place: Site, key: str, start: int) -> Comments:
        """A page of an issue's comments, newest first; `start` of them are left out."""
        query = {"orderBy": "-created", "startAt": str(start), "maxResults": str(PAGE)}
        answer = await self._get(place, f"issue/{quote(key, safe='')}/comment", query, absent_is_fine=True)
        if answer is None:
            return Comments(page=())
        return Comments(page=tuple(_objects(answer, "comments", place)), total=_number(answer, "total"))

    async def _pages(self, place: Site, query: Mapping[str, str]) -> AsyncGenerator[list[Json]]:
        """By token, or by number where the site knows no tokens."""
        if place.base_url not in self._by_number:
            answer = await self._get(place, "search/jql", query, absent_is_fine=True)
            if answer is not None:
                async for page in self._by_token(place, query, answer):
                    yield page
                return
        start = 0
        while True:
            answer = await self._get(place, "search", {**query, "startAt": str(start)}, absent_is_fine=True)
            if answer is None:
                self._by_number.pop(place.base_url, None)
                raise UserError(f"There is no Jira at {place.base_url}; correct jira.baseUrl")
            self._remember_by_number(place.base_url)
            page = _objects(answer, "issues", place)
            yield page
            start += len(page)
            if not page or start >= _number(answer, "total"):
                return

    async def _by_token(self, place: Site, query: Mapping[str, str], answer: Json) -> AsyncGenerator[list[Json]]:
        tokens: set[str] = set()
        while True:
            yield _objects(answer, "issues", place)
            token = answer.get("nextPageToken")
            if answer.get("isLast") is True or not isinstance(token, str) or not token:
                return
            if token in tokens:
                raise RemoteError(f"Jira at {place.base_url} gives the same page again and again")
            tokens.add(token)
            answer = await self._get(place, "search/jql", {**query, "nextPageToken": token}) or {}

    def _remember_by_number(self, base_url: str) -> None:
        self._by_number[base_url] = None
        while len(self._by_number) > REMEMBERED:
            del self._by_number[next(iter(self._by_number))]

    async def _get(
        self, place: Site, path: str, query: Mapping[str, str], *, absent_is_fine: bool = False
    ) -> Json | None:
        """One answer of the API; None when there is nothing, where that is an answer too."""
        until = self._limited.get(place)
        if until is not None and self._now() < until:
            raise RateLimited(_too_many(place, ""), retry_at=until)
        headers = {
            "Authorization": place.login.authorization,
            "Accept": "application/json",
            "User-Agent": "kelos",
        }
        self._reach.check(place.base_url)
        url = f"{place.base_url}/rest/api/2/{path}?{urlencode(query)}"
        try:
            answer = await ask(self._client, Request(url=url, headers=headers), _BOUNDS, self._flight)
        except RemoteError as error:
            if isinstance(error, Unanswered):
                self._reach.lost(place.base_url)
            raise RemoteError(f"Jira at {error}") from None
        except UserError as error:
            raise UserError(f"{error}; correct jira.baseUrl") from None
        self._reach.found(place.base_url)
        if (retry_at := _limited_until(answer, self._now())) is not None:
            self._limited[place] = retry_at
            while len(self._limited) > REMEMBERED:
                del self._limited[next(iter(self._limited))]
            raise RateLimited(_too_many(place, _said(answer)), retry_at=retry_at)
        self._limited.pop(place, None)
        if answer.headers.get("x-seraph-loginreason", "") in _LOGIN_FAILED:
            raise _rejected(answer, place)
        if answer.status in (404, 410) and absent_is_fine:
            return None
        if answer.status != 200:
            raise _refusal(answer, place)
        return _decoded(answer, place)


def _limited_until(answer: Answer, now: datetime) -> datetime | None:
    """When Jira wants to be asked again; None when the answer is not about limits."""
    wait = answer.headers.get("retry-after", "")
    is_number = wait.isascii() and wait.isdigit()
    if answer.status != 429 and not (answer.status == 503 and is_number):
        return None
    seconds = min(float(wait[:9]), LONGEST_LIMIT_SECONDS) if is_number else LIMITED_SECONDS
    return now + timedelta(seconds=max(seconds, 1.0))


def _refusal(answer: Answer, place: Site) -> Exception:
    status, said, at = answer.status, _said(answer), f"Jira at {place.base_url}"
    if status == 401 or (status == 403 and "x-authentication-denied-reason" in answer.headers):
        return _rejected(answer, place)
    if status == 403:
        return UserError(f"{at} does not allow this to the user of Secret '{place.login.secret}'{said}")
    if status == 400:
        return UserError(f"{at} refuses the search{said}: correct jira.project or jira.jql")
    if status in (404, 410):
        return UserError(f"There is no Jira at {place.base_url}{said}; correct jira.baseUrl")
    if 300 <= status < 400:
        return UserError(f"{at} sends us elsewhere ({status}), where the token must not go; correct jira.baseUrl")
    return RemoteError(f"{at} answered {status}{said}")


def _rejected(answer: Answer, place: Site) -> UserError:
    keys = f"'{KEY_USER}' and '{KEY_TOKEN}'" if place.login.user else f"'{KEY_TOKEN}'"
    hint = "" if place.login.user else f" (Jira Cloud wants '{KEY_USER}' beside it)"
    return UserError(
        f"Jira at {place.base_url} does not accept the credentials of Secret '{place.login.secret}'{_said(answer)}: "
        f"check {keys}{hint}"
    )


def _too_many(place: Site, said: str) -> str:
    return f"Jira at {place.base_url} has had too many requests of Secret '{place.login.secret}'{said}"


def _said(answer: Answer) -> str:
    """What Jira says about it, in brackets."""
    said = words(answer.content, "errorMessages", "errors", "message").rstrip(".")
    return f" ({said})" if said else ""


def _decoded(answer: Answer, place: Site) -> Json:
    try:
        found = decode(answer.content, LIST_BYTES)
    except TooMuch as error:
        raise RemoteError(f"What {site(place.base_url)} answers is not decoded: {error}") from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RemoteError(f"{site(place.base_url)} answers, but not as Jira does; see what stands at jira.baseUrl")
    return found


def _objects(answer: Json, name: str, place: Site) -> list[Json]:
    found = answer.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise RemoteError(f"Jira at {place.base_url} answers without {name}")
    return found


def _key(issue: Json, place: Site) -> str:
    key = issue.get("key")
    if not isinstance(key, str) or not isinstance(issue.get("fields"), dict):
        raise RemoteError(f"Jira at {place.base_url} answers with an issue that has no key or no fields")
    return key


def _number(answer: Json, name: str) -> int:
    found = answer.get(name)
    return found if type(found) is int else 0
