"""Which servers answer nobody: one request at a time finds out whether they do again, all others need not wait."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from kelos.errors import RemoteError

ENOUGH_FAILURES, ENOUGH_SECONDS = 3, 20.0
"""So many in a row, and for so long: a moment of weakness is passed over."""
PAUSE_SECONDS = 30.0
LONGEST_TRY_SECONDS = 120.0
REMEMBERED = 1000


@dataclass(slots=True, kw_only=True)
class _Silence:
    """Since when, how many requests went unanswered, and until when nobody else asks; monotonic seconds."""

    since: float
    failures: int = 0
    until: float = 0.0


class Reach:
    """By address; `what` stands there. What answers, whatever it says, is not in here."""

    def __init__(self, what: str, monotonic: Callable[[], float]) -> None:
        self._what = what
        self._monotonic = monotonic
        self._silent: OrderedDict[str, _Silence] = OrderedDict()

    def check(self, place: str) -> None:
        """Raises RemoteError when it is of no use to ask. Who gets through is the one who asks for all."""
        silence, now = self._silent.get(place), self._monotonic()
        if silence is None or not self._is_long(silence, now):
            return
        if now < silence.until:
            raise RemoteError(f"{self._what} at {place} answers nobody at the moment; it is asked again soon")
        silence.until = now + LONGEST_TRY_SECONDS

    def lost(self, place: str) -> None:
        """There was no answer."""
        now = self._monotonic()
        silence = self._silent.setdefault(place, _Silence(since=now))
        silence.failures += 1
        silence.until = now + PAUSE_SECONDS
        while len(self._silent) > REMEMBERED:
            self._silent.popitem(last=False)

    def found(self, place: str) -> None:
        self._silent.pop(place, None)

    def _is_long(self, silence: _Silence, now: float) -> bool:
        return silence.failures >= ENOUGH_FAILURES and now - silence.since >= ENOUGH_SECONDS
