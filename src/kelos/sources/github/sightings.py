"""The cheap look: what a mirror shows of the items that a TaskSpawner is about."""

from __future__ import annotations

from typing import Generic, TypeVar

from kelos.api.github_sources import PolledGitHub, State
from kelos.clients.account import Account
from kelos.clients.github.client import GitHub
from kelos.sources.github.access import Access
from kelos.sources.github.details import Details
from kelos.sources.github.items.filters import chosen
from kelos.sources.github.items.records import Kind, is_settled, sightings_of
from kelos.sources.github.items.where import Where
from kelos.sources.github.mirror import Mirror, Mirrors
from kelos.sources.protocol import Listing

AGE_SHARE = 0.8
"""What another TaskSpawner saw is good enough when it is younger than this share of one's own interval."""
WITHOUT_TOKEN = "GitHub is read without a token: public repositories only, 60 requests an hour; name a Secret"


Spec = TypeVar("Spec", bound=PolledGitHub)


class Polled(Generic[Spec]):
    """What both sources of a repository have in common; `kind` says which of its lists is looked at."""

    kind: Kind

    def __init__(
        self,
        github: GitHub,
        mirrors: Mirrors,
        account: Account,
        where: Where,
        spec: Spec,
        *,
        poll_seconds: float,
        owner: str = "",
    ) -> None:
        """`owner` is the namespace for which it looks."""
        self._owner = owner
        self._spec = spec
        self._where = where
        self._mirrors = mirrors
        self._account = account
        self._poll_seconds = poll_seconds
        self._details = Details(github, account, where.repository)
        self._access = Access(github, account, where.repository, spec.comments)

    async def look(self) -> Listing:
        """Everything that its list shows, and nothing of what was decided about people before."""
        self._access.forget()
        with_closed = self._spec.state is not State.OPEN
        mirror = self._mirrors.of(
            self._account, self._where.repository, self.kind, with_closed=with_closed, owner=self._owner
        )
        return await look(mirror, self._account, self._spec, poll_seconds=self._poll_seconds)


async def look(mirror: Mirror, account: Account, spec: PolledGitHub, *, poll_seconds: float) -> Listing:
    """As long as nothing changes this is the very same for all who want the same."""
    snapshot = await mirror.look(account, max_age_seconds=poll_seconds * AGE_SHARE)
    found = snapshot.shown.get(spec)
    if found is None:
        sightings = sightings_of(chosen(spec, snapshot.records), snapshot.at)
        found = Listing(sightings=sightings, note=WITHOUT_TOKEN if account.is_anonymous else "")
        if is_settled(sightings):
            mirror.show(snapshot, spec, found)
    return found
