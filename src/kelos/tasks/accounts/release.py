"""Letting go: the finalizers of ours on pods and on the Task."""

from __future__ import annotations

from collections.abc import Iterable

from kelos.api.kinds import POD, TASK
from kelos.api.names import FINALIZER_OUTCOME, FINALIZER_RECORD
from kelos.plan import AddFinalizer, DropFinalizer, Step
from kelos.tasks.evidence.facts import PodFacts
from kelos.tasks.view import TaskView


def release_pods(pods: Iterable[PodFacts]) -> tuple[Step, ...]:
    """Let go of pods that are over."""
    return tuple(
        DropFinalizer(kind=POD, namespace=pod.namespace, name=pod.name, uid=pod.uid, finalizer=FINALIZER_OUTCOME)
        for pod in pods
        if pod.is_over and pod.holds_outcome
    )


def drop_from_task(view: TaskView, finalizer: str) -> tuple[Step, ...]:
    meta = view.task.meta
    if finalizer not in meta.finalizers:
        return ()
    return (DropFinalizer(kind=TASK, namespace=meta.namespace, name=meta.name, uid=meta.uid, finalizer=finalizer),)


def release_early(view: TaskView, pods: Iterable[PodFacts], *, knows_usage: bool) -> tuple[Step, ...]:
    """Let go of pods before the Task has ended, a node is drained for example: the Task holds what it knows of them."""
    meta, releases = view.task.meta, release_pods(pods)
    if not releases or not knows_usage or FINALIZER_RECORD in meta.finalizers:
        return releases
    hold = AddFinalizer(kind=TASK, namespace=meta.namespace, name=meta.name, uid=meta.uid, finalizer=FINALIZER_RECORD)
    return (hold, *releases)
