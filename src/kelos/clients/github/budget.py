"""How much one account may still ask: GitHub's limits are learnt from its answers, and kept before it says no."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx

from kelos.clients.github.answers import Answer, limited, limited_until, reset_of
from kelos.errors import UserError

AT_ONCE = 8
"""Requests of one account at the same time: GitHub punishes crowds."""
RESERVE_SHARE = 0.05
"""So much of the primary limit is left to reports; reading stops before."""
SPREAD_SECONDS = 10.0
STRIKES = 6
UNKNOWN = timedelta(minutes=1)
"""A token that GitHub does not know is shown again only so often: GitHub locks out who guesses."""


class Budget:
    """One account's. `chance` gives numbers from 0 to 1, so that those who waited do not come back together.

    `writes` is another number before and after everything that is written.
    """

    def __init__(self, *, now: Callable[[], datetime], chance: Callable[[], float]) -> None:
        self.slots = asyncio.Semaphore(AT_ONCE)
        self.writes = 0
        self._now = now
        self._chance = chance
        self._blocked_until: datetime | None = None
        self._strikes = 0
        self._limit = self._remaining = 0
        self._resets_at: datetime | None = None
        self._unknown: tuple[datetime, str] | None = None

    def check(self, who: str, *, is_write: bool = False) -> None:
        """Raises RateLimited while nothing should be asked, and UserError while the token is known to be none."""
        now = self._now()
        if self._unknown is not None and now < self._unknown[0]:
            raise UserError(self._unknown[1])
        if self._blocked_until is not None and now < self._blocked_until:
            raise limited(who, self._blocked_until)
        if self._resets_at is None or now >= self._resets_at or is_write:
            return
        if self._remaining <= self._limit * RESERVE_SHARE:
            raise limited(who, self._resets_at + self._spread())

    def reject(self, why: str) -> None:
        """GitHub does not know this account. Another token is another account."""
        self._unknown = (self._now() + UNKNOWN, why)

    def learn(self, answer: Answer) -> datetime | None:
        """Take note of an answer; gives the moment to come back when it was about limits."""
        headers = answer.headers
        if headers.get("x-ratelimit-resource", "core") == "core":
            self._note(headers)
        until = limited_until(answer, self._now())
        if until is None:
            self._strikes = 0
            return None
        self._strikes = min(self._strikes + 1, STRIKES)
        longer = timedelta(seconds=(until - self._now()).total_seconds() * (2.0 ** (self._strikes - 1) - 1))
        is_said = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
        self._blocked_until = until + self._spread() + (timedelta() if is_said else longer)
        return self._blocked_until

    def _note(self, headers: httpx.Headers) -> None:
        limit, remaining = headers.get("x-ratelimit-limit", ""), headers.get("x-ratelimit-remaining", "")
        resets_at = reset_of(headers)
        if limit.isdecimal() and remaining.isdecimal() and int(limit) and resets_at is not None:
            self._limit, self._remaining, self._resets_at = int(limit), int(remaining), resets_at

    def _spread(self) -> timedelta:
        return timedelta(seconds=self._chance() * SPREAD_SECONDS)
