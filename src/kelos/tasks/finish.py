"""The end of a Task and what is left to do after it: release pods, lock and Job, and expire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from kelos.api.conditions import timestamp
from kelos.api.kinds import JOB, LEASE, TASK, Manifest
from kelos.api.names import ANNOTATION_REPORTED_AT, FINALIZER_RECORD, FINALIZER_REPORT, FINALIZER_TASK
from kelos.api.reasons import Phase, Reason
from kelos.outputs.results import results_of
from kelos.plan import Delete, EventType, Plan, Step, Tell
from kelos.tasks.accounts.record import is_owed
from kelos.tasks.accounts.record import record as on_record
from kelos.tasks.accounts.release import drop_from_task, release_pods
from kelos.tasks.dependencies import to_keep
from kelos.tasks.evidence.attempts import Attempt, attempts_over, record, recorded, total_usage
from kelos.tasks.evidence.diagnosis import AGENT_ERRORS
from kelos.tasks.status import in_phase, set_status
from kelos.tasks.view import TaskView

DEPENDENTS_LOOK_AGAIN_SECONDS = 30.0


def end(
    view: TaskView,
    phase: Phase,
    reason: Reason | None,
    message: str,
    *,
    advice: str = "",
    attempts: tuple[Attempt, ...] = (),
    event: str = "",
) -> Plan:
    """The terminal status, its event, the record of what was used, and then the release of all that was captured."""
    status = in_phase(view, phase, reason, message, completionTime=timestamp(view.now))
    if view.job is not None and view.owns_job:
        status["jobName"] = view.job.name
    status = with_attempts(view, status, attempts)
    if reason is not None:
        status["diagnosis"] = {"reason": reason.value, "message": message, "advice": advice}
    if "dependencies" not in status and (kept := to_keep(view)):
        status["dependencies"] = kept
    is_good = phase is Phase.SUCCEEDED
    word = event or ("TaskSucceeded" if is_good else "TaskFailed")
    told = tell(view, EventType.NORMAL if is_good else EventType.WARNING, word, message)
    ttl = view.task.spec.ttl_seconds_after_finished
    again = float(ttl) if ttl is not None else None
    steps = (*set_status(view, status), told, *on_record(view, status), *_releases(view, reason))
    return Plan(steps=steps, again_in_seconds=again)


def with_attempts(view: TaskView, status: Manifest, attempts: Iterable[Attempt]) -> Manifest:
    """Attempts, their summed usage, and the outputs of the newest one."""
    attempts = tuple(attempts)
    if not attempts:
        return status
    entries = record(view, attempts)
    status = {**status, "attempts": entries, "podName": attempts[-1].pod.name}
    if usage := total_usage(entries):
        status["usage"] = usage
    started = [entry["startTime"] for entry in entries if "startTime" in entry]
    if started:
        status.setdefault("startTime", started[0])
    outcome = attempts[-1].outcome
    if outcome is not None and outcome.lines:
        status["outputs"] = [line for line in outcome.lines if not line.startswith("response: ")]
        status["results"] = results_of(outcome.lines)
    return status


def tell(view: TaskView, type: EventType, reason: str, message: str) -> Tell:
    meta = view.task.meta
    return Tell(
        kind=TASK,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        type=type,
        reason=reason,
        message=message,
    )


def after_end(view: TaskView) -> Plan:
    """A finished Task: let go of what still holds on, then delete it when its time has come."""
    status = _with_late_attempts(view)
    releases = _releases(view, view.task.status.reason)
    steps = (*set_status(view, status), *on_record(view, status), *releases, *_stray_job(view))
    ttl = view.task.spec.ttl_seconds_after_finished
    done = _done_at(view)
    if ttl is None or done is None or FINALIZER_REPORT in view.task.meta.finalizers:
        return Plan(steps=steps)
    remaining = (done + timedelta(seconds=ttl) - view.now).total_seconds()
    if remaining > 0:
        return Plan(steps=steps, again_in_seconds=remaining)
    if view.dependents or any(not pod.is_over for pod in view.pods):
        return Plan(steps=steps, again_in_seconds=DEPENDENTS_LOOK_AGAIN_SECONDS)
    told = tell(view, EventType.NORMAL, "TaskExpired", f"Deleted {ttl} seconds after its end")
    return Plan(steps=(*steps, told, _delete_task(view)))


def _done_at(view: TaskView) -> datetime | None:
    """When nothing was left to say about the Task: its last report may have been delivered long after its end."""
    ended_at = view.task.status.completion_time
    try:
        reported_at = datetime.fromisoformat(view.task.meta.annotations.get(ANNOTATION_REPORTED_AT, ""))
    except ValueError:
        return ended_at
    if ended_at is None or reported_at.tzinfo is None:
        return ended_at
    return min(max(ended_at, reported_at), view.now)


def release(view: TaskView) -> Plan:
    """A Task that is being deleted: stop its Job, put on record what it used, take finalizers off last."""
    steps: list[Step] = []
    if view.job is not None and view.owns_job and not view.job.is_being_deleted:
        steps.append(_delete_job(view))
    if any(not pod.is_over for pod in view.pods):
        return Plan(steps=tuple(steps))
    status = with_attempts(view, view.status, attempts_over(view))
    if not view.task.is_finished:
        has_succeeded = any(attempt.has_succeeded for attempt in attempts_over(view))
        phase, reason = (Phase.SUCCEEDED, None) if has_succeeded else (Phase.FAILED, Reason.CANCELLED.value)
        status = {**status, "phase": phase.value, "reason": reason}
    steps += (*on_record(view, status), *release_pods(view.pods))
    steps += (*drop_from_task(view, FINALIZER_RECORD), *drop_from_task(view, FINALIZER_TASK))
    return Plan(steps=tuple(steps))


def needs_all_pods(view: TaskView) -> bool:
    """Whether a cache of pods will not do: what a Task used is written down once, for good."""
    is_over = view.task.is_finished or view.task.is_being_deleted
    return is_over and is_owed(view) and all(pod.is_over for pod in view.pods)


def _with_late_attempts(view: TaskView) -> Manifest:
    """The status with attempts that ended after their Task did: their cost counts, the verdict stays."""
    late = tuple(a for a in attempts_over(view) if a.pod.holds_outcome and a.pod.uid not in recorded(view))
    if not late:
        return view.status
    entries = record(view, late)
    usage = total_usage(entries)
    return {**view.status, "attempts": entries, **({"usage": usage} if usage else {})}


def _releases(view: TaskView, reason: Reason | None) -> tuple[Step, ...]:
    """Once all pods are over: let go of them, of the stopped Job and of every branch lock."""
    if any(not pod.is_over for pod in view.pods):
        return ()
    steps = [*release_pods(view.pods), *drop_from_task(view, FINALIZER_RECORD)]
    # Pods of an agent that failed stay for people to read their logs.
    is_stopped = view.job is not None and view.owns_job and view.job.is_suspended and reason not in AGENT_ERRORS
    if view.job is not None and is_stopped and not view.job.is_being_deleted:
        steps.append(_delete_job(view))
    steps += (_give_back(lease["metadata"]) for lease in view.held)
    return tuple(steps)


def _give_back(lease: Manifest) -> Delete:
    """Only as it was seen: whoever took the lock over since then keeps it, and a takeover keeps the uid."""
    version = str(lease["resourceVersion"])
    return Delete(
        kind=LEASE, namespace=lease["namespace"], name=lease["name"], uid=lease["uid"], resource_version=version
    )


def _stray_job(view: TaskView) -> tuple[Step, ...]:
    """A Job that a controller created which did not know yet that the Task had ended: nobody will follow it.

    No failure is judged before its Job has failed or was stopped, so one that goes on is another. After a success only
    the time tells, and pods of the one before. The Job's version keeps a cache that is behind from deleting what has
    ended meanwhile.
    """
    job, ended_at = view.job, view.task.status.completion_time
    if job is None or not view.owns_job or job.is_being_deleted or job.is_suspended:
        return ()
    if job.has_failed or job.has_succeeded:
        return ()
    is_late = not view.task.status.job_name or (ended_at is not None and job.created_at > ended_at)
    if view.phase is Phase.FAILED or is_late or view.has_second_job:
        return (replace(_delete_job(view), resource_version=job.resource_version),)
    return ()


def _delete_job(view: TaskView) -> Delete:
    assert view.job is not None
    return Delete(kind=JOB, namespace=view.task.meta.namespace, name=view.job.name, uid=view.job.uid)


def _delete_task(view: TaskView) -> Delete:
    meta = view.task.meta
    return Delete(kind=TASK, namespace=meta.namespace, name=meta.name, uid=meta.uid)
