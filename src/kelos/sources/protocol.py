"""What every source can do: look, which is cheap, and read one item, which need not be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kelos.api.work_item import Sighting, WorkItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a look found, in the source's own order. `note` tells people what is missing when it is not complete."""

    sightings: tuple[Sighting, ...] = ()
    is_complete: bool = True
    note: str = ""


class Source(Protocol):
    """Where work comes from. Raises UserError for what a person must mend, RateLimited, RemoteError for the rest."""

    async def look(self) -> Listing:
        """Everything there is now, by what a listing shows."""
        ...

    async def read(self, sighting: Sighting) -> WorkItem | None:
        """Everything about one item; None when it does not qualify, or not any more."""
        ...
