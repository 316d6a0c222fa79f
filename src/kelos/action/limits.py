"""What the step itself watches the clock for: a Task nobody takes up, a wait that is too long, a log gone silent."""

from __future__ import annotations

from dataclasses import dataclass

from kelos.action.conclusion import is_patient, phase_of, status_of
from kelos.api.kinds import Manifest
from kelos.api.reasons import ClientReason

UNRESPONSIVE_SECONDS = 60.0
HEARTBEAT_SECONDS = 60.0
WAIT_MARGIN_SECONDS = 120


def wait_seconds(spec: Manifest, wait_timeout: int | None) -> float:
    """How long to wait while nothing of Kelos' own holds the Task up; a missing time limit means for ever.

    The time limit is one attempt's.
    """
    if wait_timeout:
        return float(wait_timeout)
    timeout, attempts = spec.get("timeoutSeconds"), 1 + (spec.get("retries") or 0)
    if timeout is None:
        return float("inf")
    return float(timeout * attempts + (spec.get("startTimeoutSeconds") or 600) + WAIT_MARGIN_SECONDS)


@dataclass(slots=True, kw_only=True)
class Limits:
    """Knows how long the step may still wait. `now` is a monotonic clock, handed in with every question.

    `counts_patience` is for a limit that the user gave: that one means what it says, whatever the Task waits for.
    """

    wait_seconds: float
    began_at: float
    counts_patience: bool = False
    _created_at: float | None = None
    _counting_since: float | None = None
    _has_status: bool = False

    def __post_init__(self) -> None:
        self._counting_since = self.began_at

    def created(self, now: float) -> None:
        """The cluster has the Task: from now on somebody there should take it up."""
        self._created_at = now

    def saw(self, task: Manifest, now: float) -> None:
        """Waiting for other Tasks, for the branch or for a free place stops the clock and winds it back."""
        self._has_status = self._has_status or phase_of(task) is not None or bool(status_of(task))
        if is_patient(task) and not self.counts_patience:
            self._counting_since = None
        elif self._counting_since is None:
            self._counting_since = now

    def overdue(self, now: float) -> ClientReason | None:
        """The limit that has passed, if any."""
        if now >= self._taken_up_until():
            return ClientReason.CONTROLLER_UNRESPONSIVE
        if now >= self._wait_until():
            return ClientReason.WAIT_TIMEOUT
        return None

    def seconds_to_next(self, now: float) -> float:
        """How long nothing needs to be looked at."""
        return max(0.0, min(self._wait_until(), self._taken_up_until()) - now)

    def _taken_up_until(self) -> float:
        """A server that does not answer is another matter, and borne for as long as the lease."""
        if self._created_at is None or self._has_status:
            return float("inf")
        return self._created_at + UNRESPONSIVE_SECONDS

    def _wait_until(self) -> float:
        return float("inf") if self._counting_since is None else self._counting_since + self.wait_seconds


class Silence:
    """A log that says nothing for a minute looks like a step that hangs."""

    def __init__(self, *, began_at: float) -> None:
        self._told_at = began_at

    def told(self, now: float) -> None:
        """Something was printed, so the next heartbeat can wait."""
        self._told_at = now

    def is_over(self, now: float) -> bool:
        return self.seconds_left(now) <= 0

    def seconds_left(self, now: float) -> float:
        return max(0.0, self._told_at + HEARTBEAT_SECONDS - now)
