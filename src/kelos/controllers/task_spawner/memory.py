"""What an engine remembers of one spawner between passes. Losing it costs reads, never a Task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from kelos.api.task_spawner import TaskSpawner
from kelos.api.work_item import Sighting
from kelos.sources.protocol import Listing
from kelos.sources.shelf import Place, weigh
from kelos.spawning.view import Discovery, Look, Trouble

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 3600.0
"""Between two tries of an item in trouble."""
LOOK_BYTES, TROUBLE_BYTES = 300, 900
LONGEST_SILENCE_SECONDS = 600.0
"""Of an item that nothing is wrong with: somebody may ask for it again."""


@dataclass
class Memory:
    """`due_at` is the moment (monotonic) of the next look."""

    uid: str
    generation: int
    due_at: float
    discovery: Discovery = field(default_factory=Discovery)
    looked: dict[str, Look] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    place: Place | None = None
    listed_bytes: int = 0

    def knows(self, spawner: TaskSpawner) -> bool:
        return (self.uid, self.generation) == (spawner.meta.uid, spawner.meta.generation)

    def saw(self, listing: Listing, now: datetime) -> None:
        """A look succeeded. Items that are nowhere to be seen any more are forgotten.

        Of those that the cluster refused the last one is told of until a Task is made: a tick comes only once.
        """
        before = self.discovery.sightings
        if listing.sightings is not before:
            self.listed_bytes = weigh(listing.sightings)
        self.discovery = Discovery(
            number=self.discovery.number + 1,
            sightings=listing.sightings,
            is_complete=listing.is_complete,
            note=listing.note,
            looked_at=now,
        )
        seen = {sighting.key for sighting in listing.sightings}
        for key in self.looked.keys() - seen:
            del self.looked[key]
        refused = max((key for key, each in self.troubles.items() if each.is_refused), default="")
        for key in self.troubles.keys() - seen - {refused}:
            del self.troubles[key]

    @property
    def size_bytes(self) -> int:
        """About how much it takes."""
        return self.listed_bytes + len(self.looked) * LOOK_BYTES + len(self.troubles) * TROUBLE_BYTES

    def forget_listing(self) -> None:
        """Somebody needs the room: items are unknown until the next look, and what was said of the last one stands."""
        self.discovery, self.listed_bytes = replace(self.discovery, sightings=None), 0
        self.looked.clear()
        self.troubles.clear()

    def failed(self, problem: str, *, is_for_people: bool) -> None:
        """A look failed; what the last one found still stands."""
        failures = self.discovery.failures + 1
        self.discovery = replace(self.discovery, problem=problem, is_for_people=is_for_people, failures=failures)

    def read(self, sightings: Iterable[Sighting], now: datetime) -> None:
        """These items were looked at closely, in the state in which they were listed."""
        for sighting in sightings:
            before = self.looked.get(sighting.key)
            is_same = before is not None and before.revision == sighting.revision
            reads = before.reads + 1 if before is not None and is_same else 1
            self.looked[sighting.key] = Look(
                revision=sighting.revision, reads=reads, at=now, listing=self.discovery.number
            )

    def worry(
        self, key: str, message: str, now: datetime, rng: Random, *, is_refused: bool = False, is_lasting: bool = False
    ) -> None:
        """An item is in trouble, and left alone for longer each time; without a message, unless that is lasting, only
        for a while."""
        if is_refused:
            self.looked.pop(key, None)  # nothing came of that look
        before = self.troubles.get(key)
        count = before.count + 1 if before is not None else 1
        seconds = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(count - 1, 10))
        seconds = seconds if message else min(seconds, LONGEST_SILENCE_SECONDS) if is_lasting else 60.0
        until = now + timedelta(seconds=seconds * rng.uniform(0.5, 1.0))
        self.troubles[key] = Trouble(message=message[:500], until=until, count=count, is_refused=is_refused)

    def went_well(self, key: str) -> None:
        """Also the end of what was told of items that are gone."""
        seen = {sighting.key for sighting in self.discovery.sightings or ()}
        for each in (key, *(self.troubles.keys() - seen)):
            self.troubles.pop(each, None)
