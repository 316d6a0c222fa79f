"""Whether a Job is over, and why. The order is the specification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kelos.api.kinds import Manifest
from kelos.local.jobs.control.facts import (
    condition_is_true,
    container_statuses,
    find_condition,
    is_suspended,
)
from kelos.local.jobs.control.failure_policy import first_fatal
from kelos.local.jobs.control.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A decision that stands: it is in the status before the last pod has gone."""

    succeeded: bool
    reason: str
    message: str

    @property
    def target(self) -> str:
        """The condition that announces the end."""
        return "SuccessCriteriaMet" if self.succeeded else "FailureTarget"

    @property
    def condition(self) -> str:
        return "Complete" if self.succeeded else "Failed"


def find_ending(job: Manifest, tally: Tally, now: datetime, started: datetime | None) -> Ending | None:
    """Why the Job is over, or None while it goes on."""
    if announced := _announced(job):
        return announced
    if message := first_fatal(job["spec"].get("podFailurePolicy"), tally.failed_pods):
        return Ending(succeeded=False, reason="PodFailurePolicy", message=message)
    if exceeds_backoff_limit(job, tally):
        return Ending(
            succeeded=False,
            reason="BackoffLimitExceeded",
            message="Job has reached the specified backoff limit",
        )
    left = deadline_in(job, now, started)
    if left is not None and left <= timedelta():
        message = "Job was active longer than specified deadline"
        return Ending(succeeded=False, reason="DeadlineExceeded", message=message)
    if is_complete(job, tally):
        message = "Reached expected number of succeeded pods"
        return Ending(succeeded=True, reason="CompletionsReached", message=message)
    return None


def exceeds_backoff_limit(job: Manifest, tally: Tally) -> bool:
    """More failed pods than allowed; restarts inside pods count where pods restart their containers."""
    limit = int(job["spec"].get("backoffLimit", 6))
    if tally.failed > limit:
        return True
    if job["spec"]["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = _restarts(tally.active)
    return restarts > 0 if limit == 0 else restarts >= limit


def deadline_in(job: Manifest, now: datetime, started: datetime | None) -> timedelta | None:
    """How long the Job may still be active; None without a deadline, and while it is suspended."""
    seconds = job["spec"].get("activeDeadlineSeconds")
    if seconds is None or started is None or is_suspended(job):
        return None
    return started + timedelta(seconds=int(seconds)) - now


def is_complete(job: Manifest, tally: Tally) -> bool:
    """Enough pods succeeded; without a number of completions, one did and no other runs."""
    completions = job["spec"].get("completions")
    if completions is not None:
        return tally.succeeded >= int(completions)
    if job["spec"].get("parallelism") is None:
        return tally.succeeded >= 1
    return tally.succeeded >= 1 and not tally.active


def _announced(job: Manifest) -> Ending | None:
    for type, succeeded in (("FailureTarget", False), ("SuccessCriteriaMet", True)):
        condition = find_condition(job, type)
        if condition is not None and condition_is_true(job, type):
            reason, message = condition.get("reason", ""), condition.get("message", "")
            return Ending(succeeded=succeeded, reason=reason, message=message)
    return None


def _restarts(pods: Sequence[Manifest]) -> int:
    return sum(int(container.get("restartCount") or 0) for pod in pods for container in container_statuses(pod))
