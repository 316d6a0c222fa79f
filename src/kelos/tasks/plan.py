"""Decide what to do about one Task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kelos.plan import Plan
from kelos.tasks.evidence.facts import PodFacts
from kelos.tasks.finish import after_end, release, release_pods
from kelos.tasks.follow import follow
from kelos.tasks.start import start_or_hold
from kelos.tasks.stop import lease_period_seconds
from kelos.tasks.view import TaskView

LEASE_SLACK_SECONDS = 0.5


def plan(view: TaskView) -> Plan:
    """Everything about one Task, and the release of pods that an earlier Task of its name left behind."""
    decided = _plan(view)
    return replace(decided, steps=(*decided.steps, *release_pods(view.strays)))


def _plan(view: TaskView) -> Plan:
    """First match wins, so the order of the lines is the order of concerns."""
    if view.task.is_being_deleted:
        return release(view)
    if view.task.is_finished:
        return after_end(view)
    if view.owns_job or view.status.get("jobName"):
        return _with_lease(view, follow(view))
    return _with_lease(view, start_or_hold(view))


def _with_lease(view: TaskView, plan: Plan) -> Plan:
    """Look again when the client's lease would lapse, if that is sooner."""
    period = lease_period_seconds(view)
    if period is None:
        return plan
    left = max(0.0, period - (view.client_silence_seconds or 0.0)) + LEASE_SLACK_SECONDS
    return replace(plan, again_in_seconds=left if plan.again_in_seconds is None else min(left, plan.again_in_seconds))


def plan_orphans(pods: Iterable[PodFacts]) -> Plan:
    """Pods whose Task is gone: nobody waits for their outcome any more."""
    return Plan(steps=release_pods(pods))
