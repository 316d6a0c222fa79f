"""What the step itself watches the clock for: a Task nobody takes up, a wait that is too long, a log gone silent."""

from __future__ import annotations

from dataclasses import dataclass

from kelos.action.conclusion import is_patient, phase_of, status_of
from kelos.api.kinds import Manifest
from kelos.api.reasons import ClientReason

UNRESPONSIVE_SECONDS = 60.0
HEARTBEAT_SECONDS = 60.0
WAIT_MARGIN_SECONDS = 120


def wait_seconds(*, timeout: int | None, start_timeout: int | None, wait_timeout: int | None) -> float:
    """How long to wait while nothing of Kelos' own holds the Task up; a missing time limit means for ever."""
    if wait_timeout:
        return float(wait_timeout)
    return float("inf") if timeout is None else float(timeout + (start_timeout or 600) + WAIT_MARGIN_SECONDS)


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
    _told_at: float = 0.0

    def __post_init__(self) -> None:
        self._counting_since = self.began_at
        self._told_at = self.began_at

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

    def told(self, now: float) -> None:
        """Something was printed, so the next heartbeat can wait."""
        self._told_at = now

    def overdue(self, now: float) -> ClientReason | None:
        """The limit that has passed, if any."""
        if now >= self._taken_up_until():
            return ClientReason.CONTROLLER_UNRESPONSIVE
        if now >= self._wait_until():
            return ClientReason.WAIT_TIMEOUT
        return None

    def is_silent(self, now: float) -> bool:
        return now >= self._told_at + HEARTBEAT_SECONDS

    def seconds_to_next(self, now: float) -> float:
        """How long nothing needs to be looked at."""
        moments = (self._told_at + HEARTBEAT_SECONDS, self._wait_until(), self._taken_up_until())
        return max(0.0, min(moments) - now)

    def _taken_up_until(self) -> float:
        """A server that does not answer is another matter, and borne for as long as the lease."""
        if self._created_at is None or self._has_status:
            return float("inf")
        return self._created_at + UNRESPONSIVE_SECONDS

    def _wait_until(self) -> float:
        return float("inf") if self._counting_since is None else self._counting_since + self.wait_seconds
