"""The cheap look: what a mirror shows of the items that a TaskSpawner is about."""

from __future__ import annotations

from kelos.api.github_sources import PolledGitHub, State
from kelos.clients.account import Account
from kelos.sources.github.items.filters import chosen
from kelos.sources.github.items.records import UNSETTLED, Kind, Record, sighting_of
from kelos.sources.github.mirror import Mirror, Mirrors
from kelos.sources.protocol import Listing

AGE_SHARE = 0.8
"""What another TaskSpawner saw is good enough when it is younger than this share of one's own interval."""
WITHOUT_TOKEN = "GitHub is read without a token: public repositories only, 60 requests an hour; name a Secret"


class Sightings:
    """Looks for one TaskSpawner; as long as nothing changes it finds the very same listing."""

    def __init__(
        self,
        mirrors: Mirrors,
        account: Account,
        repository: str,
        kind: Kind,
        spec: PolledGitHub,
        *,
        max_age_seconds: float,
    ) -> None:
        self._mirrors = mirrors
        self._account = account
        self._repository = repository
        self._kind = kind
        self._spec = spec
        self._max_age_seconds = max_age_seconds
        self._seen: tuple[Record, ...] | None = None
        self._listing = Listing()
        self._has_young = False

    async def look(self) -> Listing:
        snapshot = await self._mirror().look(self._account, max_age_seconds=self._max_age_seconds)
        if snapshot.records is self._seen and not self._has_young:
            return self._listing
        found = tuple(sighting_of(record, snapshot.at) for record in chosen(self._spec, snapshot.records))
        note = WITHOUT_TOKEN if self._account.is_anonymous else ""
        self._seen, self._listing = snapshot.records, Listing(sightings=found, note=note)
        self._has_young = any(sighting.revision.endswith(UNSETTLED) for sighting in found)
        return self._listing

    def _mirror(self) -> Mirror:
        with_closed = self._spec.state is not State.OPEN
        return self._mirrors.of(self._account, self._repository, self._kind, with_closed=with_closed)
