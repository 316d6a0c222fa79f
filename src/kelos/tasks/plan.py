"""Decide what to do about one Task."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from kelos.api.conditions import MESSAGE_LIMIT, timestamp
from kelos.api.kinds import JOB, TASK, Manifest
from kelos.api.names import FINALIZER_RECORD, FINALIZER_TASK
from kelos.api.reasons import Phase, Reason
from kelos.plan import DropFinalizer, Patch, Plan, SetStatus, Step
from kelos.tasks.accounts.release import release_pods
from kelos.tasks.evidence.facts import JobFacts
from kelos.tasks.finish import after_end, release
from kelos.tasks.follow import follow
from kelos.tasks.start import start_or_hold, tell_start
from kelos.tasks.stop import lease_period_seconds
from kelos.tasks.view import TaskView

LEASE_SLACK_SECONDS = 0.5


def plan(view: TaskView) -> Plan:
    """Everything about one Task, and the release of pods that only say that they are its own."""
    decided = _plan(view)
    return replace(decided, steps=(*decided.steps, *release_pods(view.strays)))


def _plan(view: TaskView) -> Plan:
    """First match wins, so the order of the lines is the order of concerns."""
    if view.task.is_being_deleted:
        return release(view)
    if view.task.is_finished:
        return after_end(view)
    if view.owns_job:
        return _with_lease(view, tell_start(view) or follow(view))
    # Pods without a Job tell of one that went before its name was written. Somebody else's in its place is not ours.
    if view.status.get("jobName") or view.pods:
        return _with_lease(view, follow(replace(view, job=None)))
    return _with_lease(view, start_or_hold(view))


def _with_lease(view: TaskView, plan: Plan) -> Plan:
    """Look again when the client's lease would lapse, if that is sooner."""
    period = lease_period_seconds(view)
    if period is None:
        return plan
    left = max(0.0, period - (view.client_silence_seconds or 0.0)) + LEASE_SLACK_SECONDS
    return replace(plan, again_in_seconds=left if plan.again_in_seconds is None else min(left, plan.again_in_seconds))


def plan_unreadable(manifest: Manifest, problem: str, now: datetime, job: JobFacts | None = None) -> Plan:
    """A Task that makes no sense, say one that an older version stored: fail it with the sentence, or let it go.

    Its agent, which nobody would follow any more, is stopped first.
    """
    meta, status = manifest.get("metadata") or {}, manifest.get("status") or {}
    if "deletionTimestamp" in meta:
        ours = (name for name in meta.get("finalizers") or () if name in (FINALIZER_RECORD, FINALIZER_TASK))
        return Plan(steps=tuple(_drop(meta, name) for name in ours))
    if not meta or status.get("phase") in (Phase.SUCCEEDED.value, Phase.FAILED.value):
        return Plan()
    body = {
        "phase": Phase.FAILED.value,
        "reason": Reason.INVALID_SPEC.value,
        "message": problem[:MESSAGE_LIMIT],
        "observedGeneration": meta.get("generation"),
        "completionTime": timestamp(now),
    }
    step = SetStatus(
        kind=TASK, namespace=meta["namespace"], name=meta["name"], resource_version=meta["resourceVersion"], body=body
    )
    return Plan(steps=(*_stop_job(meta, job), step))


def _stop_job(meta: Manifest, job: JobFacts | None) -> tuple[Step, ...]:
    if job is None or job.owner_uid != meta["uid"] or job.is_suspended or job.is_being_deleted:
        return ()
    body = {"metadata": {"uid": job.uid}, "spec": {"suspend": True}}
    return (Patch(kind=JOB, namespace=meta["namespace"], name=job.name, body=body),)


def _drop(meta: Manifest, finalizer: str) -> DropFinalizer:
    return DropFinalizer(
        kind=TASK, namespace=meta["namespace"], name=meta["name"], uid=meta["uid"], finalizer=finalizer
    )
