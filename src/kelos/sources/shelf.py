"""What is kept from sources, by all of them within one number of bytes: what nobody used for longest goes first.

It is read again when it is needed, so losing it costs requests and no Task. Who keeps most gives first: a server that
lists without end pushes out what its own namespace keeps, and nothing of the others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kelos.api.work_item import Sighting
from kelos.errors import RemoteError, UserError

MIB = 1024 * 1024
USUAL_BYTES = 256 * MIB
LARGEST_SHARE = 2
"""One of these parts of all is the most that one list may take."""
SIGHTING_BYTES, LABEL_BYTES = 200, 60
QUIET_SECONDS = 60.0
"""Between two lines in the log."""


class NoRoom(RemoteError):
    """It was dropped while it was being read: others needed the room. The next look may have it."""


class Meter(Protocol):
    """Who counts what was dropped."""

    def dropped(self, size_bytes: int) -> None: ...


@dataclass(slots=True, kw_only=True, eq=False)
class Place:
    """What one of them keeps: `what`, for people, and how to take it away. It is gone once it was taken away."""

    owner: str
    what: str
    drop: Callable[[], None]
    size_bytes: int = 0
    is_gone: bool = False


@dataclass(kw_only=True)
class Shelf:
    """`warn` hears now and then that something was dropped."""

    limit_bytes: int = USUAL_BYTES
    monotonic: Callable[[], float] = lambda: 0.0
    warn: Callable[..., object] = lambda *_, **__: None
    meter: Meter | None = None
    size_bytes: int = 0
    _kept: dict[str, OrderedDict[int, Place]] = field(default_factory=dict)
    _totals: dict[str, int] = field(default_factory=dict)
    _dropped: int = 0
    _told_at: float = float("-inf")

    @property
    def most_bytes(self) -> int:
        """That one list may take."""
        return self.limit_bytes // LARGEST_SHARE

    def place(self, owner: str, what: str, drop: Callable[[], None] = lambda: None) -> Place:
        """Room for nothing yet."""
        return Place(owner=owner, what=what, drop=drop)

    def use(self, place: Place, owner: str) -> None:
        """It is of use to that namespace, now."""
        if place.size_bytes:
            size_bytes = place.size_bytes
            self._take(place)
            place.owner = owner
            self._put(place, size_bytes)
        place.owner = owner

    def resize(self, place: Place, size_bytes: int) -> None:
        """It has so many bytes now, and others may have to go. Raises UserError when it is too large by itself, and
        NoRoom when it was dropped before: then it begins anew with `reopen`."""
        if place.is_gone:
            raise NoRoom(f"{place.what} had to make room for others while it was read; it is read again soon")
        self._take(place)
        if size_bytes > self.most_bytes:
            raise UserError(_too_large(place.what, self.most_bytes))
        self._put(place, size_bytes)
        while self.size_bytes > self.limit_bytes and (victim := self._first_to_go(place)) is not None:
            self._drop(victim)

    def reopen(self, place: Place) -> None:
        """What was dropped is read anew."""
        place.is_gone = False

    def let_go(self, place: Place) -> None:
        """Nobody needs it any more."""
        self._take(place)

    def _first_to_go(self, newest: Place) -> Place | None:
        others = {owner: kept for owner, kept in self._kept.items() if len(kept) > (id(newest) in kept)}
        owner = giver({owner: self._totals[owner] for owner in others})
        return (
            next((each for each in others[owner].values() if each is not newest), None) if owner is not None else None
        )

    def _drop(self, place: Place) -> None:
        size_bytes = place.size_bytes
        self._take(place)
        place.is_gone = True
        place.drop()
        self._dropped += 1
        if self.meter is not None:
            self.meter.dropped(size_bytes)
        if self.monotonic() - self._told_at >= QUIET_SECONDS:
            self.warn(
                "Memory for sources is full", dropped=self._dropped, limit_bytes=self.limit_bytes, last=place.what
            )
            self._told_at, self._dropped = self.monotonic(), 0

    def _put(self, place: Place, size_bytes: int) -> None:
        if not size_bytes:
            return
        place.size_bytes = size_bytes
        self._kept.setdefault(place.owner, OrderedDict())[id(place)] = place
        self._totals[place.owner] = self._totals.get(place.owner, 0) + size_bytes
        self.size_bytes += size_bytes

    def _take(self, place: Place) -> None:
        if not place.size_bytes:
            return
        kept = self._kept[place.owner]
        del kept[id(place)]
        self._totals[place.owner] -= place.size_bytes
        self.size_bytes -= place.size_bytes
        place.size_bytes = 0
        if not kept:
            del self._kept[place.owner], self._totals[place.owner]


def giver(totals: Mapping[str, int]) -> str | None:
    """Who gives something away: who keeps most. None when nobody can."""
    return max(totals, key=lambda owner: (totals[owner], owner), default=None)


def weigh(sightings: Iterable[Sighting]) -> int:
    """About how many bytes they take."""
    return sum(
        SIGHTING_BYTES + len(each.key) + len(each.revision) + sum(LABEL_BYTES + 2 * len(label) for label in each.labels)
        for each in sightings
    )


def _too_large(what: str, most_bytes: int) -> str:
    return (
        f"{what} takes more than {most_bytes / MIB:.0f} MiB, the most that one list may: look at less of it, "
        "or give the controller more with --source-memory"
    )
