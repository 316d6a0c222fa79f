"""Requests to stop a Task that may still run: cancel, lapsed client lease, deadlines of its start, spent retries."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from kelos.api import names
from kelos.api.conditions import moment
from kelos.api.kinds import Manifest
from kelos.api.reasons import Reason
from kelos.pods.policy import is_final, is_repeated, is_reserved
from kelos.tasks.evidence.attempts import attempts_over, faults, record
from kelos.tasks.evidence.diagnosis import Diagnosis, Fault
from kelos.tasks.evidence.facts import Complaint, PodFacts
from kelos.tasks.evidence.starting import why_no_pod, why_not_started
from kelos.tasks.status import DEPENDENCIES_FOUND, INPUTS_READY, STOP_REQUESTED, condition_since, true_condition
from kelos.tasks.view import TaskView

LEASE_LIMIT_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why the Task must end, as its status will say it."""

    reason: Reason
    message: str


QUIET_START_SECONDS = 5.0
"""Passing states of a start are only looked into when they last longer than this."""
TOLD_START_SECONDS = 15.0
"""And, unless they are a problem, only written when they last longer than this: most starts are over by then."""
JOB_VERDICT_SECONDS = 3.0
"""A Job that gives up says so within this time after its pod; its next pod comes after ten seconds."""
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 10.0, 600.0
"""How long Kubernetes waits before it repeats a pod; with each failure twice as long."""


def stop_in_progress(view: TaskView) -> Stop | None:
    """What was decided stays decided: what asked for it may be gone, and each controller has a clock of its own."""
    asked = true_condition(view.status, STOP_REQUESTED)
    return None if asked is None else Stop(reason=Reason(asked["reason"]), message=asked["message"])


def cancel_request(view: TaskView) -> Stop | None:
    text = view.task.meta.annotations.get(names.ANNOTATION_CANCEL)
    if text is None:
        return None
    request = _json(text)
    by, why = _word(request, "by"), _word(request, "why")
    superseded = why == "superseded"
    message = "Cancelled" + (f" by {by}" if by else "") + (f": {why}" if why else "")
    return Stop(reason=Reason.SUPERSEDED if superseded else Reason.CANCELLED, message=message)


def lapsed_lease(view: TaskView) -> Stop | None:
    """The client that asked to be followed has been silent for longer than it said it would."""
    period = lease_period_seconds(view)
    if period is None or view.client_silence_seconds is None or view.client_silence_seconds <= period:
        return None
    holder = _word(_json(view.task.meta.annotations[names.ANNOTATION_LEASE]), "holder") or "the client"
    return Stop(
        reason=Reason.LEASE_EXPIRED,
        message=f"{holder} gave no sign of life for {period:g} seconds, so nobody waits for this Task any more",
    )


def second_job(view: TaskView) -> Stop | None:
    """A Job that disappears is not made again; a request that was on its way when it did cannot be called back."""
    if view.job is None or not view.has_second_job:
        return None
    message = f"Job '{view.job.name}' was deleted before the agent ended; the one that came after it is stopped"
    return Stop(reason=Reason.JOB_DELETED, message=message)


def late_start(view: TaskView) -> Stop | None:
    """The agent's container did not start within the start timeout of its Job, or of its first missing input."""
    waited = waiting_since_start(view)
    limit = view.task.spec.start_timeout_seconds
    if waited is None or waited.total_seconds() < limit:
        return None
    why = start_diagnosis(view)
    if why.is_problem and why.reason is not None and why.reason is not Reason.POD_PENDING:
        return Stop(reason=why.reason, message=f"{why.message} (gave up after {limit} seconds). {why.advice}")
    return Stop(reason=Reason.START_TIMEOUT, message=f"The agent did not start within {limit} seconds: {why.sentence}")


def spent_retries(view: TaskView) -> Stop | None:
    """Kubernetes is about to try again what would end the same way, or what has been tried often enough."""
    over = attempts_over(view)
    entries = record(view, over)
    found = faults(entries)
    is_spent = (
        found[Fault.TASK] > 0
        or _is_unwanted(view, entries)
        or found[Fault.AGENT] > view.task.spec.retries
        or found[Fault.INFRASTRUCTURE] > view.settings.infrastructure_retries
    )
    if not is_spent or not over or not _will_be_repeated(view):
        return None
    last = over[-1].diagnosis
    return Stop(reason=last.reason or Reason.AGENT_ERROR, message=last.message)


def _is_unwanted(view: TaskView, entries: Iterable[Manifest]) -> bool:
    """Whether the agent ended in a way that the Task does not want repeated; its exit code need not tell."""
    ends = [Reason(entry["reason"]) for entry in entries if faults([entry])[Fault.AGENT]]
    return any(not is_repeated(view.task, end) for end in ends)


REQUESTS: tuple[Callable[[TaskView], Stop | None], ...] = (
    stop_in_progress,
    cancel_request,
    lapsed_lease,
    second_job,
    late_start,
    spent_retries,
)


def stop_request(view: TaskView) -> Stop | None:
    """The first request that applies; the order is the specification."""
    return next((stop for request in REQUESTS if (stop := request(view)) is not None), None)


def stop_before_job(view: TaskView) -> Stop | None:
    """Requests that end a Task that has no Job yet."""
    return cancel_request(view) or lapsed_lease(view)


def waiting_since_start(view: TaskView) -> timedelta | None:
    """How long the newest pod, or the next one, has been about to start its agent; None when nothing is about to start.

    Time in a queue does not count: the clock starts when the pod has a node. Nor does a back-off.
    """
    pod = pod_at_work(view)
    if pod is not None:
        is_starting = not pod.agent.has_started and not pod.gate
        return view.now - (pod.scheduled_at or pod.created_at) if is_starting else None
    if view.job is None or view.job.is_suspended:
        return None
    since = view.job.created_at if not view.pods and not view.status.get("attempts") else _next_is_due(view)
    return view.now - since if since is not None and since <= view.now else None


def pod_at_work(view: TaskView) -> PodFacts | None:
    """The newest pod unless it is over."""
    pod = newest(view.pods)
    return None if pod is None or pod.is_over else pod


def _next_is_due(view: TaskView) -> datetime | None:
    """When Kubernetes should have made the next pod; None when it makes none, or nobody knows when the last one ended.

    A status that names a pod which is not here knows more than this view.
    """
    entries = record(view, attempts_over(view))
    name = view.status.get("podName")
    is_behind = bool(name) and all(entry["podName"] != name for entry in entries)
    if view.job is None or is_behind or (view.pods and not _will_be_repeated(view)):
        return None
    if any("startTime" in entry and "completionTime" not in entry for entry in entries):
        return None
    ends = [end for entry in entries if (end := moment(entry.get("completionTime"))) is not None]
    seconds = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** max(0, len(entries) - 1))
    return max(ends, default=view.job.created_at) + timedelta(seconds=seconds)


def start_diagnosis(view: TaskView) -> Diagnosis:
    """Why the agent does not run yet, as far as pod and events tell."""
    return _start_diagnosis(view, view.complaints)


def needs_complaints(view: TaskView) -> bool:
    """Whether events must say why nothing starts: it takes longer than usual, and the pod itself does not know."""
    waited = waiting_since_start(view)
    if waited is None or waited.total_seconds() < QUIET_START_SECONDS:
        return False
    found = _start_diagnosis(view, ())
    return not found.is_problem or found.is_vague


def _start_diagnosis(view: TaskView, complaints: tuple[Complaint, ...]) -> Diagnosis:
    pod = pod_at_work(view)
    if pod is not None:
        return why_not_started(pod, complaints)
    name = view.job.name if view.job is not None else view.status.get("jobName", "")
    had_pods = bool(view.pods or view.status.get("attempts"))
    return why_no_pod(name, view.task.meta.namespace, complaints, had_pods=had_pods)


def _will_be_repeated(view: TaskView) -> bool:
    last = newest(view.pods)
    if view.job is None or view.job.has_failed or last is None:
        return False
    if not last.is_over:
        return True
    if not last.is_disrupted and (
        is_final(view.task, last.agent.exit_code) or any(is_reserved(view.task, c.exit_code) for c in last.preparation)
    ):
        return False
    ended_at = last.agent.finished_at or last.created_at
    return (view.now - ended_at).total_seconds() >= JOB_VERDICT_SECONDS


def missing_for(view: TaskView, reason: Reason) -> timedelta | None:
    """How long the Task has waited for something to be created: dependencies have a clock of their own."""
    condition = DEPENDENCIES_FOUND if reason is Reason.DEPENDENCY_MISSING else INPUTS_READY
    since = condition_since(view.status, condition, "False")
    return view.now - since if since is not None else None


def lease_period_seconds(view: TaskView) -> float | None:
    text = view.task.meta.annotations.get(names.ANNOTATION_LEASE)
    if text is None:
        return None
    seconds = _json(text).get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    return float(seconds) if 0 < seconds <= LEASE_LIMIT_SECONDS else None


def newest(pods: tuple[PodFacts, ...]) -> PodFacts | None:
    return max(pods, key=lambda pod: (pod.created_at, pod.name), default=None)


def _json(text: str) -> Manifest:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _word(request: Manifest, key: str) -> str:
    """A line of somebody else's text, short and without control characters."""
    value = request.get(key)
    return "".join(c for c in value if c.isprintable())[:200] if isinstance(value, str) else ""
