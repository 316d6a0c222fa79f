"""The cheap look: what a mirror shows of the items that a TaskSpawner is about."""

from __future__ import annotations

from kelos.api.github_sources import PolledGitHub, State
from kelos.clients.account import Account
from kelos.sources.github.items.filters import chosen
from kelos.sources.github.items.records import Kind, is_settled, sightings_of
from kelos.sources.github.mirror import Mirrors
from kelos.sources.protocol import Listing

AGE_SHARE = 0.8
"""What another TaskSpawner saw is good enough when it is younger than this share of one's own interval."""
WITHOUT_TOKEN = "GitHub is read without a token: public repositories only, 60 requests an hour; name a Secret"


async def look(
    mirrors: Mirrors, account: Account, repository: str, kind: Kind, spec: PolledGitHub, *, poll_seconds: float
) -> Listing:
    """As long as nothing changes this is the very same for all who want the same."""
    mirror = mirrors.of(account, repository, kind, with_closed=spec.state is not State.OPEN)
    snapshot = await mirror.look(account, max_age_seconds=poll_seconds * AGE_SHARE)
    found = snapshot.shown.get(spec)
    if found is None:
        sightings = sightings_of(chosen(spec, snapshot.records), snapshot.at)
        found = Listing(sightings=sightings, note=WITHOUT_TOKEN if account.is_anonymous else "")
        if is_settled(sightings):
            snapshot.shown[spec] = found
    return found
