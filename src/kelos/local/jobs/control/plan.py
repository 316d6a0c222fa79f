"""What the Job controller does about one Job. Start here to see why a pod exists, or does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kelos.api.kinds import Manifest
from kelos.local.jobs.control.backoff import wait_before_create
from kelos.local.jobs.control.conditions import with_condition
from kelos.local.jobs.control.ending import Ending, deadline_in, find_ending
from kelos.local.jobs.control.facts import (
    condition_is_true,
    find_condition,
    is_active,
    is_deleting,
    is_finished,
    is_ready,
    is_suspended,
    is_tracked,
    name_of,
    replaces_only_failed,
    started_at,
    status_of,
)
from kelos.local.jobs.control.tally import Tally, count
from kelos.local.jobs.moments import stamp
from kelos.local.jobs.settings import JobSettings

MOST_AT_ONCE = 500
"""Pods created in one pass; the next pass makes the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """An event about the Job."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """Done in this order: status, release, delete, create. `status` is None when it is right already."""

    status: Manifest | None = None
    release: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    create: int = 0
    tellings: tuple[Telling, ...] = ()
    again_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moves:
    """`forget` are pods to delete whose end does not count: nothing was wrong with them, they are not wanted now."""

    delete: tuple[Manifest, ...] = ()
    forget: tuple[Manifest, ...] = ()
    create: int = 0
    again_after: timedelta | None = None


def plan_job(job: Manifest, pods: Sequence[Manifest], now: datetime, settings: JobSettings) -> JobPlan:
    """Decide about one Job and the pods it controls. First match wins."""
    if is_finished(job):
        return _after_the_end(pods)
    tally = count(job, pods)
    if is_deleting(job):
        return _plan(job, tally, None, _Moves(), now)
    started = _start(job, now)
    ending = find_ending(job, tally, now, started)
    if ending is not None:
        return _plan(job, tally, ending, _Moves(delete=tally.active), now)
    if is_suspended(job):
        return _plan(job, tally, None, _Moves(forget=tally.active), now)
    moves = _scale(job, pods, tally, now, settings)
    return _plan(job, tally, None, _with_deadline(moves, deadline_in(job, now, started)), now)


def _start(job: Manifest, now: datetime) -> datetime | None:
    """When the Job became active. A resumed Job starts anew, and with it its deadline."""
    if is_suspended(job) or is_deleting(job):
        return started_at(job)
    return now if condition_is_true(job, "Suspended") else started_at(job) or now


def _after_the_end(pods: Sequence[Manifest]) -> JobPlan:
    return JobPlan(
        release=tuple(name_of(pod) for pod in pods if is_tracked(pod)),
        delete=tuple(name_of(pod) for pod in pods if is_active(pod)),
    )


def _scale(job: Manifest, pods: Sequence[Manifest], tally: Tally, now: datetime, settings: JobSettings) -> _Moves:
    """As many active pods as parallelism and the missing completions want, not before the backoff is over."""
    wanted = _wanted(job, tally)
    surplus = len(tally.active) - wanted
    if surplus > 0:
        newest_first = sorted(tally.active, key=_keep_rank)
        return _Moves(forget=tuple(newest_first[:surplus]))
    occupied = len(tally.active) + (tally.terminating if replaces_only_failed(job) else 0)
    missing = min(wanted - occupied, MOST_AT_ONCE)
    if missing <= 0:
        return _Moves()
    wait = wait_before_create(pods, tally.failed_pods, now, settings)
    if wait > timedelta():
        return _Moves(again_after=wait)
    return _Moves(create=missing)


def _wanted(job: Manifest, tally: Tally) -> int:
    spec = job["spec"]
    parallelism = int(spec.get("parallelism", 1))
    completions = spec.get("completions", 1 if spec.get("parallelism") is None else None)
    if completions is not None:
        return min(parallelism, max(0, int(completions) - tally.succeeded))
    # A work queue: once one pod succeeded the others may finish, and none is added.
    return min(parallelism, len(tally.active)) if tally.succeeded else parallelism


def _keep_rank(pod: Manifest) -> tuple[bool, bool, str]:
    """Pods that got least far come first."""
    return (bool(pod["spec"].get("nodeName")), is_ready(pod), str(pod["metadata"].get("creationTimestamp", "")))


def _with_deadline(moves: _Moves, deadline: timedelta | None) -> _Moves:
    times = [time for time in (moves.again_after, deadline) if time is not None]
    return replace(moves, again_after=min(times, default=None))


def _plan(job: Manifest, tally: Tally, ending: Ending | None, moves: _Moves, now: datetime) -> JobPlan:
    """The status that is true once the moves are made, and what people are told."""
    old = status_of(job)
    is_over = ending is not None and tally.is_settled
    status = _status(job, tally, moves, now)
    conditions, tellings = _conditions(job, ending, is_over, now)
    if conditions:
        status["conditions"] = conditions
    if is_over and ending is not None and ending.succeeded:
        status["completionTime"] = stamp(now)
    return JobPlan(
        status=status if status != old else None,
        release=(*tally.release, *(name_of(pod) for pod in moves.forget if is_tracked(pod))),
        delete=tuple(name_of(pod) for pod in (*moves.delete, *moves.forget)),
        create=moves.create,
        tellings=tellings,
        again_after=moves.again_after,
    )


def _status(job: Manifest, tally: Tally, moves: _Moves, now: datetime) -> Manifest:
    started, going = _start(job, now), (*moves.delete, *moves.forget)
    uncounted = {
        key: list(uids)
        for key, uids in (("succeeded", tally.uncounted_succeeded), ("failed", tally.uncounted_failed))
        if uids
    }
    numbers = {
        "active": len(tally.active) - len(going) + moves.create,
        "succeeded": tally.counted_succeeded,
        "failed": tally.counted_failed,
    }
    return {
        **({"startTime": stamp(started)} if started is not None else {}),
        **{key: number for key, number in numbers.items() if number},
        "ready": tally.ready - sum(is_ready(pod) for pod in going),
        "terminating": tally.terminating + len(going),
        "uncountedTerminatedPods": uncounted,
    }


def _conditions(
    job: Manifest, ending: Ending | None, is_over: bool, now: datetime
) -> tuple[list[Manifest], tuple[Telling, ...]]:
    conditions: list[Manifest] = list(status_of(job).get("conditions") or ())
    tellings: list[Telling] = []
    if ending is not None:
        conditions = with_condition(conditions, ending.target, "True", ending.reason, ending.message, now)
        if is_over:
            conditions = with_condition(conditions, ending.condition, "True", ending.reason, ending.message, now)
            tellings.append(_about(ending))
    elif is_suspended(job):
        if not condition_is_true(job, "Suspended"):
            tellings.append(Telling(type="Normal", reason="Suspended", message="Job suspended"))
        conditions = with_condition(conditions, "Suspended", "True", "JobSuspended", "Job suspended", now)
    elif find_condition(job, "Suspended") is not None:
        if condition_is_true(job, "Suspended"):
            tellings.append(Telling(type="Normal", reason="Resumed", message="Job resumed"))
        conditions = with_condition(conditions, "Suspended", "False", "JobResumed", "Job resumed", now)
    return conditions, tuple(tellings)


def _about(ending: Ending) -> Telling:
    if ending.succeeded:
        return Telling(type="Normal", reason="Completed", message="Job completed")
    return Telling(type="Warning", reason=ending.reason, message=ending.message)
