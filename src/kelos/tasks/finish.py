"""The end of a Task and what is left to do after it: release pods, lock and Job, and expire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from kelos.api.kinds import JOB, LEASE, POD, TASK, Kind, Manifest
from kelos.api.names import FINALIZER_OUTCOME, FINALIZER_TASK
from kelos.api.reasons import Phase, Reason
from kelos.outputs.results import results_of
from kelos.plan import Delete, DropFinalizer, EventType, Plan, Step, Tell
from kelos.tasks.dependencies import to_keep
from kelos.tasks.evidence.attempts import AGENT_ERRORS, Attempt, attempts_over, record, recorded, total_usage
from kelos.tasks.evidence.facts import PodFacts
from kelos.tasks.status import in_phase, set_status, timestamp
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
    """The terminal status, its event, and the release of everything that has been captured."""
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
    return Plan(steps=(*set_status(view, status), told, *_releases(view, reason)), again_in_seconds=again)


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
    steps = (*_late_attempts(view), *_releases(view, view.task.status.reason), *_stray_job(view))
    ttl = view.task.spec.ttl_seconds_after_finished
    done = view.task.status.completion_time
    if ttl is None or done is None:
        return Plan(steps=steps)
    remaining = (done + timedelta(seconds=ttl) - view.now).total_seconds()
    if remaining > 0:
        return Plan(steps=steps, again_in_seconds=remaining)
    if view.dependents or any(not pod.is_over for pod in view.pods):
        return Plan(steps=steps, again_in_seconds=DEPENDENTS_LOOK_AGAIN_SECONDS)
    told = tell(view, EventType.NORMAL, "TaskExpired", f"Deleted {ttl} seconds after its end")
    return Plan(steps=(*steps, told, _delete_task(view)))


def release(view: TaskView) -> Plan:
    """A Task that is being deleted: stop its Job, keep no pod, take the reference's finalizer off last."""
    steps = list(release_pods(view.pods))
    if view.job is not None and view.owns_job and not view.job.is_being_deleted:
        steps.insert(0, _delete_job(view))
    if FINALIZER_TASK in view.task.meta.finalizers and not any(not pod.is_over for pod in view.pods):
        steps.append(_drop(TASK, view.task.meta.namespace, view.task.meta.name, view.task.meta.uid, FINALIZER_TASK))
    return Plan(steps=tuple(steps))


def release_pods(pods: Iterable[PodFacts]) -> tuple[Step, ...]:
    """Let go of pods that are over."""
    return tuple(
        _drop(POD, pod.namespace, pod.name, pod.uid, FINALIZER_OUTCOME)
        for pod in pods
        if pod.is_over and pod.holds_outcome
    )


def _late_attempts(view: TaskView) -> tuple[Step, ...]:
    """Attempts that ended after their Task did: their cost counts, the verdict stays."""
    late = tuple(a for a in attempts_over(view) if a.pod.holds_outcome and a.pod.uid not in recorded(view))
    if not late:
        return ()
    entries = record(view, late)
    status = {**view.status, "attempts": entries}
    if usage := total_usage(entries):
        status["usage"] = usage
    return set_status(view, status)


def _releases(view: TaskView, reason: Reason | None) -> tuple[Step, ...]:
    """Let go of pods; once all are over also of the stopped Job and of every branch lock."""
    steps = list(release_pods(view.pods))
    if any(not pod.is_over for pod in view.pods):
        return tuple(steps)
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
    the time tells. The Job's version keeps a cache that is behind from deleting what has ended meanwhile.
    """
    job, ended_at = view.job, view.task.status.completion_time
    if job is None or not view.owns_job or job.is_being_deleted or job.is_suspended:
        return ()
    if job.has_failed or job.has_succeeded:
        return ()
    is_late = not view.task.status.job_name or (ended_at is not None and job.created_at > ended_at)
    if view.phase is Phase.FAILED or is_late:
        return (replace(_delete_job(view), resource_version=job.resource_version),)
    return ()


def _delete_job(view: TaskView) -> Delete:
    assert view.job is not None
    return Delete(kind=JOB, namespace=view.task.meta.namespace, name=view.job.name, uid=view.job.uid)


def _delete_task(view: TaskView) -> Delete:
    meta = view.task.meta
    return Delete(kind=TASK, namespace=meta.namespace, name=meta.name, uid=meta.uid)


def _drop(kind: Kind, namespace: str, name: str, uid: str, finalizer: str) -> DropFinalizer:
    return DropFinalizer(kind=kind, namespace=namespace, name=name, uid=uid, finalizer=finalizer)
