"""How long an outage is borne: full-jitter backoff, the server's own wishes, one limit for all of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from kelos.errors import ClusterError, TooManyRequests, Unauthorized, Unavailable

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0

T = TypeVar("T")


class Patience:
    """Counts one outage. `sleep` returns True when the program is ending and waiting makes no sense any more.

    A server `is_known` when it has taken our signature before: that it refuses it now may pass.
    """

    def __init__(
        self,
        limit_seconds: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], bool],
        chance: Callable[[], float],
        is_known: bool = False,
    ) -> None:
        self._limit = limit_seconds
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._began: float | None = None
        self._failures = 0
        self._is_known = is_known

    def worked(self) -> None:
        """The outage, if there was one, is over."""
        self._began = None
        self._failures = 0

    def failed(self, error: ClusterError) -> None:
        """Wait before the next try; raises the error when it will not pass, or has lasted too long."""
        if not self._may_pass(error):
            raise error
        now = self._clock()
        self._began = now if self._began is None else self._began
        left = self._began + self._limit - now
        pause = pause_seconds(self._failures, error.retry_after_seconds, self._chance())
        self._failures += 1
        if left <= 0 or self._sleep(min(pause, left)):
            raise error

    def _may_pass(self, error: ClusterError) -> bool:
        """A server that does not know us any more may be missing its issuer's keys, or we a fresh token."""
        return isinstance(error, (Unavailable, TooManyRequests)) or (self._is_known and isinstance(error, Unauthorized))

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


def retry_after_seconds(value: str, now: datetime) -> float | None:
    """The header `Retry-After`, which servers write in seconds and load balancers also as a date."""
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return max(0.0, (moment - now).total_seconds()) if moment.tzinfo else None


def pause_seconds(failures: int, retry_after: float | None, chance: float) -> float:
    """Between nothing and a doubling ceiling, so that many clients do not come back together."""
    ceiling: float = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 16))
    jittered: float = max(FIRST_PAUSE_SECONDS / 4, ceiling * chance)
    return max(jittered, min(retry_after, LONGEST_PAUSE_SECONDS)) if retry_after is not None else jittered
