"""A client of the played GitHub, on one clock with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from fakes.github_server.served import direct
from fakes.github_server.server import TOKEN, GitHubServer
from kelos.api.github_sources import GitHubIssues, GitHubPullRequests
from kelos.api.work_item import WorkItem
from kelos.clients.account import Account
from kelos.clients.github.client import GitHub
from kelos.sources.github.issues import Issues
from kelos.sources.github.items.where import Where
from kelos.sources.github.mirror import Mirrors
from kelos.sources.github.pull_requests import PullRequests
from kelos.sources.shelf import Shelf


@dataclass
class Counts:
    """A meter that keeps what it is told."""

    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def request(self, *, method: str, status: str, resource: str, seconds: float) -> None:
        self.seen.append((method, status, resource))


class Bench:
    """`slept` are the waits the client took; they are waits of GitHub's clock, too."""

    def __init__(
        self, server: GitHubServer | None = None, *, client: httpx.AsyncClient | None = None, shelf: Shelf | None = None
    ) -> None:
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

        self.mirrors = Mirrors(
            self.github, monotonic=lambda: self.server.now.timestamp(), chance=lambda: 0.5, shelf=shelf
        )

    def issues(self, token: str = TOKEN, *, owner: str = "", repository: str = "", **spec: Any) -> Issues:
        """A source as a TaskSpawner with that spec has it, asked every minute."""
        where, wanted = self._where(repository), GitHubIssues.model_validate(spec)
        return Issues(self.github, self.mirrors, self.account(token), where, wanted, poll_seconds=60, owner=owner)

    def pulls(self, token: str = TOKEN, **spec: Any) -> PullRequests:
        where, wanted = self._where(), GitHubPullRequests.model_validate(spec)
        return PullRequests(self.github, self.mirrors, self.account(token), where, wanted, poll_seconds=60)

    def _where(self, repository: str = "") -> Where:
        return Where(api_url=self.server.base, repository=repository or self.server.shop.name)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.server.wait(seconds)

    def account(self, token: str = TOKEN, **known: Any) -> Account:
        async def give() -> str:
            return token

        named = {"key": token or "anonymous", "api_url": self.server.base, "secret": "git" if token else ""}
        return Account(token=give, **{**named, **known})


async def seen(source: Issues | PullRequests) -> list[int]:
    """The numbers of what a look finds, in its order."""
    return [int(sighting.key) for sighting in (await source.look()).sightings]


async def found(source: Issues | PullRequests) -> dict[int, WorkItem]:
    """What qualifies of what a look finds."""
    items = [await source.read(sighting) for sighting in (await source.look()).sightings]
    return {int(item.key): item for item in items if item is not None}
