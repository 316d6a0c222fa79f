"""Whose turn it is: parties one after the other, each in the order of its keys, and none with all the workers."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
PartyOf = Callable[[Key], Hashable]

TIMES_IDLE = 2
"""A party may have so many times the workers that have nothing to do: alone two thirds, two of them two fifths each. It
is told by nobody how many parties there are, and whoever comes finds a worker."""


def may_have_another(workers: int, idle: int) -> bool:
    """Whether a party with so many workers gets one of those that are idle; one it always gets."""
    return workers < max(1, TIMES_IDLE * idle)


class Turns(Generic[Key]):
    """Keys that wait. Without `party_of` there is no party, and the order of adding is all."""

    def __init__(self, party_of: PartyOf[Key] | None = None) -> None:
        self._party_of = party_of
        self._waiting: OrderedDict[Hashable, deque[Key]] = OrderedDict()
        self._working: Counter[Hashable] = Counter()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, key: Key) -> None:
        """Behind those of its party."""
        self._waiting.setdefault(self._party(key), deque()).append(key)

    def take(self, idle: int) -> Key | None:
        """The next key, for one of so many idle workers; None when nobody who waits may have one more."""
        for party, keys in self._waiting.items():
            if self._party_of is not None and not may_have_another(self._working[party], idle):
                continue
            key = keys.popleft()
            self._waiting.move_to_end(party)
            if not keys:
                del self._waiting[party]
            if self._party_of is not None:
                self._working[party] += 1
            return key
        return None

    def done(self, key: Key) -> None:
        """Its worker has nothing to do any more."""
        if self._party_of is None:
            return
        party = self._party(key)
        self._working[party] -= 1
        if not self._working[party]:
            del self._working[party]

    def clear(self) -> None:
        """Nobody waits any more."""
        self._waiting.clear()

    def _party(self, key: Key) -> Hashable:
        return self._party_of(key) if self._party_of is not None else None
