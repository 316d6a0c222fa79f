"""Issues of a repository as a source; with `types: [pulls]` also pull requests, as issues."""

from __future__ import annotations

from kelos.api.github_sources import GitHubIssues
from kelos.api.work_item import Sighting, WorkItem
from kelos.sources.github.details import Said
from kelos.sources.github.items.build import Discussion, body_of, build_item
from kelos.sources.github.items.commands import Remark
from kelos.sources.github.items.filters import is_wanted_issue
from kelos.sources.github.items.records import Kind, login_of, read_record
from kelos.sources.github.sightings import Polled


class Issues(Polled[GitHubIssues]):
    """A Source. Built from a TaskSpawner's spec whenever that or its Secret changes."""

    kind = Kind.ISSUES

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
