"""Pull requests of a repository as a source."""

from __future__ import annotations

from typing import Any

from kelos.api.github_sources import GitHubPullRequests, ReviewState
from kelos.api.work_item import Sighting, WorkItem
from kelos.clients.account import Account
from kelos.clients.github.client import GitHub
from kelos.sources.github.details import Said
from kelos.sources.github.items.build import Discussion, body_of, build_item, head_sha
from kelos.sources.github.items.commands import Remark
from kelos.sources.github.items.filters import file_filter, is_wanted_pull
from kelos.sources.github.items.records import Kind, login_of, read_record
from kelos.sources.github.items.reviews import Standing, is_reviewed, later, standing_of
from kelos.sources.github.items.where import Where
from kelos.sources.github.mirror import Mirrors
from kelos.sources.github.sightings import Polled


class PullRequests(Polled[GitHubPullRequests]):
    """A Source. Built from a TaskSpawner's spec whenever that or its Secret changes. Raises UserError for bad globs."""

    kind = Kind.PULLS

    def __init__(
        self,
        github: GitHub,
        mirrors: Mirrors,
        account: Account,
        where: Where,
        spec: GitHubPullRequests,
        *,
        poll_seconds: float,
        owner: str = "",
    ) -> None:
        super().__init__(github, mirrors, account, where, spec, poll_seconds=poll_seconds, owner=owner)
        self._file_counts = file_filter(spec.file_patterns)

    async def read(self, sighting: Sighting) -> WorkItem | None:
        """What is cheap to know comes first: reviews, then files, then what people said."""
        as_of = sighting.revision
        pull = await self._details.pull(sighting.key, as_of=as_of)
        if pull is None:
            return None
        record = read_record(pull, Kind.PULLS)
        if not is_wanted_pull(self._spec, record):
            return None
        said = Said(policy=self._spec.comments)
        said.hear(Remark(author=login_of(pull), text=body_of(pull)))
        standing = await self._review(said, pull, as_of)
        if standing is None or not await self._has_file(pull, as_of):
            return None
        await self._details.comments(said, pull, as_of=as_of)
        await self._details.review_comments(said, pull, head_sha(pull), as_of=as_of)
        verdict = await self._access.decide(said.commands)
        if not verdict.qualifies:
            return None
        told = Discussion(
            comments=str(said.comments), review_comments=str(said.review_comments), review_state=standing.state
        )
        is_by_review = self._spec.review_state is not ReviewState.ANY
        trigger = later(verdict.trigger, standing.trigger) if is_by_review else verdict.trigger
        return build_item(pull, record, sighting, self._where, said=told, trigger=trigger)

    async def _review(self, said: Said, pull: dict[str, Any], as_of: str) -> Standing | None:
        """None when the reviews are not what is wanted."""
        reviews = await self._details.reviews(said, pull, as_of=as_of)
        standing = standing_of(reviews, head_sha(pull))
        return standing if is_reviewed(self._spec.review_state, standing) else None

    async def _has_file(self, pull: dict[str, Any], as_of: str) -> bool:
        return self._file_counts is None or await self._details.has_file(pull, self._file_counts, as_of=as_of)
