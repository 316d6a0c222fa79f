"""The one place that asks GitHub for tokens: after a failure it waits, longer each time, whoever asks.

A thousand Tasks of one broken App are one question, not a thousand. Another version of the App's Secret starts afresh.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import httpx

from kelos.api.kinds import Manifest
from kelos.api.names import APP_SECRET_KEYS
from kelos.clients.github_app import AppKey, Grant, Token, exchange
from kelos.errors import RateLimited, RemoteError, TokenUnavailable, UserError

FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 120.0
REMEMBERED = 1000

Case = tuple[str, str, Grant]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no token, how often that was found, and until when nobody asks again (monotonic seconds)."""

    text: str
    count: int
    until: float


class TokenDesk:
    """Mints installation tokens. `chance` gives numbers from 0 to 1."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._client = client
        self._now = now
        self._monotonic = monotonic
        self._chance = chance
        self._failures: dict[Case, Failure] = {}

    async def mint(self, app: Manifest, grant: Grant) -> Token:
        """A token of that grant for the App whose credentials the Secret holds. Raises TokenUnavailable."""
        meta = app["metadata"]
        case = (str(meta.get("uid") or ""), str(meta.get("resourceVersion") or ""), grant)
        failure = self._failures.get(case)
        if failure is not None and self._monotonic() < failure.until:
            raise TokenUnavailable(failure.text, retry_in_seconds=failure.until - self._monotonic())
        try:
            token = await exchange(self._client, read_key(app), grant, self._now)
        except (UserError, RemoteError) as error:
            raise self._remember(case, f"Secret '{meta['name']}' gives no GitHub token: {error}", error) from None
        self._failures.pop(case, None)
        return token

    def _remember(self, case: Case, text: str, error: Exception) -> TokenUnavailable:
        """Half of each wait is chance, so that those who failed together do not come back together."""
        count = self._failures[case].count + 1 if case in self._failures else 1
        wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(count - 1, 10))
        seconds = wait * (0.5 + self._chance() / 2)
        if isinstance(error, RateLimited):
            seconds += max(0.0, (error.retry_at - self._now()).total_seconds())
        self._failures.pop(case, None)
        self._failures[case] = Failure(text=text, count=count, until=self._monotonic() + seconds)
        while len(self._failures) > REMEMBERED:
            del self._failures[next(iter(self._failures))]
        return TokenUnavailable(text, retry_in_seconds=seconds)


def read_key(app: Manifest) -> AppKey:
    """The App's credentials from its Secret. Raises UserError naming the key that is wrong."""
    data = app.get("data") or {}
    values = []
    for name in APP_SECRET_KEYS:
        if name not in data:
            raise UserError(f"it has no key '{name}'; a GitHub App needs {', '.join(APP_SECRET_KEYS)}")
        try:
            values.append(base64.b64decode(data[name]).decode().strip())
        except (binascii.Error, ValueError):
            raise UserError(f"its key '{name}' is no text; store it again") from None
    app_id, installation_id, private_key = values
    return AppKey(app_id=app_id, installation_id=installation_id, private_key=private_key)
