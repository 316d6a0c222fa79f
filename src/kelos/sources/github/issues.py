"""Issues of a repository as a source; with `types: [pulls]` also pull requests, as issues."""

from __future__ import annotations

from kelos.api.github_sources import GitHubIssues
from kelos.api.work_item import Sighting, WorkItem
from kelos.clients.account import Account
from kelos.clients.github.client import GitHub
from kelos.sources.github.access import Access
from kelos.sources.github.details import Details, Said
from kelos.sources.github.items.build import Discussion, body_of, build_item
from kelos.sources.github.items.commands import Remark
from kelos.sources.github.items.filters import is_wanted_issue
from kelos.sources.github.items.records import Kind, login_of, read_record
from kelos.sources.github.items.where import Where
from kelos.sources.github.mirror import Mirrors
from kelos.sources.github.sightings import look
from kelos.sources.protocol import Listing


class Issues:
    """A Source. Built from a TaskSpawner's spec whenever that or its Secret changes."""

    def __init__(
        self,
        github: GitHub,
        mirrors: Mirrors,
        account: Account,
        where: Where,
        spec: GitHubIssues,
        *,
        poll_seconds: float,
    ) -> None:
        self._spec = spec
        self._where = where
        self._mirrors = mirrors
        self._account = account
        self._poll_seconds = poll_seconds
        self._details = Details(github, account, where.repository)
        self._access = Access(github, account, where.repository, spec.comments)

    async def look(self) -> Listing:
        self._access.forget()
        repository, wait = self._where.repository, self._poll_seconds
        return await look(self._mirrors, self._account, repository, Kind.ISSUES, self._spec, poll_seconds=wait)

    async def read(self, sighting: Sighting) -> WorkItem | None:
        as_of = sighting.revision
        issue = await self._details.issue(sighting.key, as_of=as_of)
        if issue is None:
            return None
        record = read_record(issue, Kind.ISSUES)
        if not is_wanted_issue(self._spec, record):
            return None
        said = Said(policy=self._spec.comments)
        said.hear(Remark(author=login_of(issue), text=body_of(issue)))
        await self._details.comments(said, issue, as_of=as_of)
        verdict = await self._access.decide(said.commands)
        if not verdict.qualifies:
            return None
        told = Discussion(comments=str(said.comments))
        return build_item(issue, record, sighting, self._where, said=told, trigger=verdict.trigger)
