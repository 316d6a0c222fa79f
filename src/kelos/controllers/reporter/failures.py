"""What could not be said, since when, and when to try again."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import datetime
from random import Random

from kelos.cluster.pace import backoff
from kelos.cluster.pace import now as seconds
from kelos.errors import RateLimited
from kelos.reporting.thread import ThreadKey

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How often in a row, since when, and until when nobody tries again (monotonic seconds)."""

    since: datetime
    count: int
    until: float


class Failures:
    """What fails at the moment in each thread; what goes well, or is gone, has no entry."""

    def __init__(self, now: Callable[[], datetime], rng: Random) -> None:
        self._now = now
        self._rng = rng
        self._failures: dict[ThreadKey, dict[str, Failure]] = {}

    def __len__(self) -> int:
        return len(self._failures)

    def failed(self, key: ThreadKey, what: str, error: Exception) -> tuple[Failure, float]:
        """One failure more; in how many seconds to try again."""
        before = self._failures.get(key, {}).get(what)
        count = before.count + 1 if before else 1
        wait = backoff(count - 1, self._rng, first=FIRST_WAIT_SECONDS, longest=LONGEST_WAIT_SECONDS)
        if isinstance(error, RateLimited):
            wait += max(0.0, (error.retry_at - self._now()).total_seconds())
        failure = Failure(since=before.since if before else self._now(), count=count, until=seconds() + wait)
        self._failures.setdefault(key, {})[what] = failure
        return failure, wait

    def wait(self, key: ThreadKey, what: str) -> float:
        """In how many seconds it may be tried again; 0 when nothing stands against it. Changes of a Task do not."""
        failure = self._failures.get(key, {}).get(what)
        return max(0.0, failure.until - seconds()) if failure is not None else 0.0

    def forget(self, key: ThreadKey, what: str) -> None:
        """It went well, or nobody tries any more."""
        if key in self._failures:
            self.keep(key, self._failures[key].keys() - {what})

    def keep(self, key: ThreadKey, known: Set[str]) -> None:
        """Forget all of the thread but these."""
        left = {what: failure for what, failure in self._failures.pop(key, {}).items() if what in known}
        if left:
            self._failures[key] = left
