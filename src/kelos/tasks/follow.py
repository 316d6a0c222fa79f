"""A Task with a Job: watch its pods, stop it when asked, and judge its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kelos.api.conditions import timestamp
from kelos.api.kinds import JOB, Manifest
from kelos.api.reasons import Phase, Reason
from kelos.plan import EventType, Patch, Plan, Step
from kelos.tasks.accounts.release import release_early
from kelos.tasks.evidence.attempts import Attempt, attempts_over, has_used, record, recorded
from kelos.tasks.evidence.facts import JobFacts, PodFacts
from kelos.tasks.finish import end, tell, with_attempts
from kelos.tasks.held.token import with_renewal
from kelos.tasks.status import STOP_REQUESTED, in_phase, set_status, with_condition
from kelos.tasks.stop import (
    JOB_VERDICT_SECONDS,
    QUIET_START_SECONDS,
    TOLD_START_SECONDS,
    Stop,
    late_start,
    newest,
    start_diagnosis,
    stop_request,
    waiting_since_start,
)
from kelos.tasks.view import TaskView

LOOK_AGAIN_SECONDS = 5.0
RETRIES_LOOK_SECONDS = 8.0
"""An end that no watch told of is seen before Kubernetes repeats the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How the Task ended; `reason` None is success."""

    reason: Reason | None
    message: str
    advice: str = ""


def follow(view: TaskView) -> Plan:
    over = attempts_over(view)
    stop = stop_request(view)
    if (verdict := judge_end(view, over, stop)) is not None:
        phase = Phase.SUCCEEDED if verdict.reason is None else Phase.FAILED
        return end(view, phase, verdict.reason, verdict.message, advice=verdict.advice, attempts=over)
    if stop is not None:
        return _stop(view, over, stop)
    return _progress(view, over)


def judge_end(view: TaskView, over: tuple[Attempt, ...], stop: Stop | None) -> Verdict | None:
    """The end of the Task, or None while it may still go on. The order is the specification."""
    last = over[-1].diagnosis if over else None
    if last is not None and last.reason is None:
        return Verdict(reason=None, message=last.message)
    if any(not pod.is_over for pod in view.pods) and not _overdue(view):
        return None
    if view.job is None or view.job.is_being_deleted:
        name = view.job.name if view.job is not None else view.status.get("jobName", "")
        message = f"Job '{name}' was deleted before the agent ended; the Task is not run again"
        return Verdict(reason=Reason.JOB_DELETED, message=message, advice="Create a new Task")
    if stop is not None and (view.job.suspended_at is not None or view.job.has_failed):
        return Verdict(reason=stop.reason, message=stop.message, advice=_advice_for(stop, record(view, over)))
    if view.job.has_failed:
        return _job_failed(view, view.job, over)
    if view.job.has_succeeded and over:
        why = over[-1].diagnosis  # an exit code of 0 does not make it good
        return Verdict(reason=why.reason, message=why.message, advice=why.advice)
    if view.job.has_succeeded:
        message = f"The pod of Job '{view.job.name}' was gone before its outcome could be read"
        return Verdict(reason=Reason.AGENT_INCOMPLETE, message=message, advice="Look for pushed commits first")
    return None


def needs_fresh_pods(view: TaskView) -> bool:
    """Whether the end must not be judged by a cache of pods: it may be behind, and the end and its bill are final.

    Nor may a Task be given up for a pod that no watch told of.
    """
    job = view.job if view.owns_job else None
    is_at_its_end = job is None or job.is_being_deleted or job.has_failed or job.has_succeeded or job.is_suspended
    return is_at_its_end or late_start(view) is not None or any(a.has_succeeded for a in attempts_over(view))


def _job_failed(view: TaskView, job: JobFacts, over: tuple[Attempt, ...]) -> Verdict:
    if job.failure == "DeadlineExceeded":
        return Verdict(
            reason=Reason.DEADLINE_EXCEEDED,
            message=f"Job '{job.name}' ran longer than its deadline",
            advice="Raise the timeout, or give the agent a smaller job",
        )
    if over:
        why = over[-1].diagnosis
        return Verdict(reason=why.reason, message=why.message, advice=why.advice)
    if past := list(recorded(view).values()):
        why_then = Reason(past[-1].get("reason", Reason.AGENT_ERROR.value))
        return Verdict(reason=why_then, message=past[-1]["message"], advice=past[-1].get("advice", ""))
    message = f"Job '{job.name}' failed ({job.failure}): {job.failure_message or 'no pod of it is left'}"
    return Verdict(reason=Reason.AGENT_INCOMPLETE, message=message)


def _advice_for(stop: Stop, attempts: list[Manifest]) -> str:
    """An attempt's own advice, where its end is why nothing is tried again."""
    is_the_cause = bool(attempts) and attempts[-1]["message"] == stop.message
    return str(attempts[-1].get("advice", "")) if is_the_cause else ""


def _overdue(view: TaskView) -> bool:
    """Whether a pod had long enough to end after its Job was suspended or failed."""
    if view.job is None:
        return False
    since: datetime | None = view.job.suspended_at or view.job.failed_at
    return since is not None and (view.now - since).total_seconds() > view.settings.cancel_limit_seconds


def _stop(view: TaskView, over: tuple[Attempt, ...], stop: Stop) -> Plan:
    """Write down why, then suspend the Job: its pods end with their grace period and are not replaced."""
    phase = Phase.RUNNING if view.status.get("startTime") else Phase.PENDING
    status = in_phase(view, phase, stop.reason, f"{stop.message}; waiting for the pod to end")
    status = with_condition(status, view, STOP_REQUESTED, "True", stop.reason.value, stop.message)
    steps: list[Step] = [*set_status(view, with_attempts(view, status, over))]
    if view.job is not None and not view.job.is_suspended and not view.job.is_being_deleted:
        body = {"metadata": {"uid": view.job.uid}, "spec": {"suspend": True}}
        steps.append(Patch(kind=JOB, namespace=view.task.meta.namespace, name=view.job.name, body=body))
    return Plan(steps=tuple(steps), again_in_seconds=LOOK_AGAIN_SECONDS)


def _progress(view: TaskView, over: tuple[Attempt, ...]) -> Plan:
    """Keep the status true while the Task runs; let go of attempts that somebody deletes, a drained node's for one."""
    pod = newest(view.pods)
    past = tuple(a for a in over if a.pod.is_being_deleted or (pod is not None and a.pod.uid != pod.uid))
    status = with_attempts(view, _phase(view, pod), past)
    if past and pod is not None:
        status["podName"] = view.status["podName"] if _lacks_newest(view, pod) else pod.name
    leaving = [attempt.pod for attempt in past if attempt.pod.is_being_deleted]
    releases = release_early(view, leaving, knows_usage=has_used(status.get("usage")))
    steps = (*set_status(view, status), *_running_story(view, status), *releases)
    return with_renewal(view, Plan(steps=steps, again_in_seconds=_look_again(view)))


def _phase(view: TaskView, pod: PodFacts | None) -> Manifest:
    job_name = view.job.name if view.job is not None else view.status.get("jobName", "")
    waited = waiting_since_start(view)
    awaits_next = waited is not None and pod is not None and pod.is_over
    if not awaits_next and _lacks_newest(view, pod):
        return dict(view.status)
    if not awaits_next and pod is not None and pod.agent.has_started:
        since = view.status.get("startTime") or timestamp(pod.agent.started_at or view.now)
        message = f"The agent runs in pod '{pod.name}'"
        return in_phase(view, Phase.RUNNING, None, message, startTime=since, jobName=job_name, podName=pod.name)
    if not awaits_next and _is_behind(view, pod):
        return dict(view.status)
    is_quiet = waited is None or waited.total_seconds() < TOLD_START_SECONDS
    why = start_diagnosis(view)
    is_held = pod is not None and bool(pod.gate)
    if view.phase in (Phase.PENDING, Phase.RUNNING) and is_quiet and not why.is_problem and not is_held:
        return dict(view.status)
    phase = Phase.RUNNING if view.status.get("startTime") else Phase.PENDING
    status = in_phase(view, phase, why.reason, why.sentence, jobName=job_name)
    return {**status, "podName": pod.name} if pod is not None else status


def _is_behind(view: TaskView, pod: PodFacts | None) -> bool:
    """Whether the status knows more than this view: an agent that runs, in a pod whose end nobody has written down.

    Two controllers, one of them with an old view, would else take turns in contradicting each other.
    """
    is_running = view.phase is Phase.RUNNING and not view.status.get("reason")
    return is_running and pod is not None and pod.name == view.status.get("podName") and _names_pod_at_work(view)


def _lacks_newest(view: TaskView, pod: PodFacts | None) -> bool:
    """Whether the status names a pod that this view does not show: none is there, or one whose end it knows."""
    return (pod is None or pod.uid in recorded(view)) and _names_pod_at_work(view)


def _names_pod_at_work(view: TaskView) -> bool:
    name = view.status.get("podName")
    return bool(name) and all(entry["podName"] != name for entry in recorded(view).values())


def _running_story(view: TaskView, status: Manifest) -> tuple[Step, ...]:
    has_just_started = status.get("phase") == Phase.RUNNING.value and not view.status.get("startTime")
    return (tell(view, EventType.NORMAL, "TaskRunning", status["message"]),) if has_just_started else ()


def _look_again(view: TaskView) -> float | None:
    waited = waiting_since_start(view)
    if waited is None:
        # Kubernetes repeats after ten seconds at the soonest: an end whose Job says nothing must be seen by then.
        if any(pod.is_over for pod in view.pods):
            return JOB_VERDICT_SECONDS
        is_between_pods = not view.pods and bool(view.status.get("attempts"))
        return RETRIES_LOOK_SECONDS if view.task.spec.retries or is_between_pods else None
    seconds = waited.total_seconds()
    for mark in (QUIET_START_SECONDS, TOLD_START_SECONDS):
        if seconds < mark:
            return mark - seconds
    return max(1.0, min(30.0, view.task.spec.start_timeout_seconds - seconds))
