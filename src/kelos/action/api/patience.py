"""How long an outage is borne: full-jitter backoff, the server's own wishes, one limit for all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kelos.errors import ClusterError, TooManyRequests, Unavailable

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0

T = TypeVar("T")


class Patience:
    """Counts one outage. `sleep` returns True when the program is ending and waiting makes no sense any more."""

    def __init__(
        self,
        limit_seconds: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], bool],
        chance: Callable[[], float],
    ) -> None:
        self._limit = limit_seconds
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._began: float | None = None
        self._failures = 0

    def worked(self) -> None:
        """The outage, if there was one, is over."""
        self._began = None
        self._failures = 0

    def failed(self, error: ClusterError) -> None:
        """Wait before the next try; raises the error when it will not pass, or has lasted too long."""
        if not isinstance(error, (Unavailable, TooManyRequests)):
            raise error
        now = self._clock()
        self._began = now if self._began is None else self._began
        left = self._began + self._limit - now
        pause = pause_seconds(self._failures, error.retry_after_seconds, self._chance())
        self._failures += 1
        if left <= 0 or self._sleep(min(pause, left)):
            raise error

    def insist(self, call: Callable[[], T]) -> T:
        """The call's answer, however often it takes; only for calls that may be repeated."""
        while True:
            try:
                answer = call()
            except ClusterError as error:
                self.failed(error)
            else:
                self.worked()
                return answer


def pause_seconds(failures: int, retry_after: float | None, chance: float) -> float:
    """Between nothing and a doubling ceiling, so that many clients do not come back together."""
    ceiling: float = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 16))
    jittered: float = max(FIRST_PAUSE_SECONDS / 4, ceiling * chance)
    return max(jittered, min(retry_after, LONGEST_PAUSE_SECONDS)) if retry_after is not None else jittered
