"""A client of the played GitHub, on one clock with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from fakes.github_server.served import direct
from fakes.github_server.server import TOKEN, GitHubServer
from kelos.clients.account import Account
from kelos.clients.github.client import GitHub


@dataclass
class Counts:
    """A meter that keeps what it is told."""

    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def request(self, *, method: str, status: str, resource: str, seconds: float) -> None:
        self.seen.append((method, status, resource))


class Bench:
    """`slept` are the waits the client took; they are waits of GitHub's clock, too."""

    def __init__(self, server: GitHubServer | None = None, *, client: httpx.AsyncClient | None = None) -> None:
        self.server = server or GitHubServer()
        self.counts = Counts()
        self.slept: list[float] = []
        self.github = GitHub(
            client or direct(self.server),
            now=lambda: self.server.now,
            monotonic=lambda: self.server.now.timestamp(),
            chance=lambda: 0.5,
            sleep=self._sleep,
            meter=self.counts,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.server.wait(seconds)

    def account(self, token: str = TOKEN, **known: Any) -> Account:
        async def give() -> str:
            return token

        named = {"key": token or "anonymous", "api_url": self.server.base, "secret": "git" if token else ""}
        return Account(token=give, **{**named, **known})
