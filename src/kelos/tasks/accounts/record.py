"""The record of what a Task used, and when it is due: before the last thing lets go that knows of it.

Pods that are over hold what they used with their finalizer, and the Task itself with another one where pods had to go
early. Both are let go once the record is there, so a crash, or a Task that is deleted, loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from kelos.api import names
from kelos.api.conditions import timestamp
from kelos.api.kinds import TASK_RECORD, Manifest
from kelos.api.reasons import Phase, Reason
from kelos.outputs.results import results_of
from kelos.outputs.values import pull_request
from kelos.plan import Plan, Record, Step
from kelos.pods.origin import Origin, decode, origin_of
from kelos.tasks.accounts.release import release_pods
from kelos.tasks.evidence.attempts import Attempt, attempts_of, entry_of, has_used, total_usage
from kelos.tasks.evidence.facts import PodFacts
from kelos.tasks.view import TaskView

PULL_REQUESTS_LIMIT = 20
TEXT_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """The pods of a Task that is gone, all of them over, and the logs that had to be read."""

    pods: tuple[PodFacts, ...]
    logs: Mapping[str, str]


def is_owed(view: TaskView) -> bool:
    """Whether anything still holds what a Task used that has ended; otherwise it is on record, or was nothing."""
    return names.FINALIZER_RECORD in view.task.meta.finalizers or any(pod.holds_outcome for pod in view.pods)


def record(view: TaskView, status: Manifest) -> tuple[Step, ...]:
    """The record of a Task that ends as `status` says; nothing when it used nothing, may still, or is on record."""
    if not has_used(status.get("usage")) or any(not pod.is_over for pod in view.pods):
        return ()
    if view.task.is_finished and not is_owed(view):
        return ()
    meta = view.task.meta
    return (
        _step(
            origin_of(view.task),
            {"name": meta.name, "uid": meta.uid},
            meta.namespace,
            phase=status["phase"],
            reason=status.get("reason"),
            attempts=status.get("attempts") or (),
            lines=status.get("outputs") or (),
            completed=status.get("completionTime") or timestamp(view.now),
        ),
    )


def plan_leftovers(leftovers: Iterable[Leftover], now: datetime) -> Plan:
    """Put on record what Tasks used that were deleted before they ended, and let go of their pods."""
    steps: list[Step] = []
    for leftover in leftovers:
        steps += (*_leftover_record(leftover, now), *release_pods(leftover.pods))
    return Plan(steps=tuple(steps))


def _leftover_record(leftover: Leftover, now: datetime) -> tuple[Step, ...]:
    attempts = attempts_of(leftover.pods, leftover.logs)
    entries = [entry_of(attempt) for attempt in attempts]
    if not has_used(total_usage(entries)):
        return ()
    last = attempts[-1]
    reason = None if any(a.has_succeeded for a in attempts) else _why_unfinished(last)
    ends = [a.pod.agent.finished_at for a in attempts if a.pod.agent.finished_at is not None]
    return (
        _step(
            decode(last.pod.origin),
            {"name": last.pod.task_name, "uid": last.pod.task_uid},
            last.pod.namespace,
            phase=(Phase.SUCCEEDED if reason is None else Phase.FAILED).value,
            reason=reason.value if reason is not None else None,
            attempts=entries,
            lines=last.outcome.lines if last.outcome is not None else (),
            completed=timestamp(max(ends, default=now)),
        ),
    )


def _why_unfinished(last: Attempt) -> Reason:
    """A pod that was deleted went with its Task, whatever that looks like from inside."""
    reason = last.diagnosis.reason or Reason.CANCELLED
    return Reason.CANCELLED if last.pod.is_being_deleted and reason is Reason.EVICTED else reason


def _step(
    origin: Origin,
    task: Mapping[str, str],
    namespace: str,
    *,
    phase: str,
    reason: str | None,
    attempts: Iterable[Manifest],
    lines: Iterable[str],
    completed: str,
) -> Record:
    entries, lines = list(attempts), tuple(lines)
    usage, results = total_usage(entries), results_of(lines)
    starts = [entry["startTime"] for entry in entries if "startTime" in entry]
    urls = dict.fromkeys(url for line in lines if (url := pull_request(line.partition("pr: ")[2])) is not None)
    spec = {
        "taskRef": dict(task),
        "phase": phase,
        "reason": reason,
        "type": origin.agent_type,
        "model": usage.get("model") or origin.model,
        "startTime": min(starts, default=None),
        "completionTime": completed,
        "attempts": len(entries),
        "usage": usage,
        "triggeredBy": origin.triggered_by,
        "workspace": origin.workspace,
        "branch": (results.get("branch") or origin.branch)[:TEXT_LIMIT],
        "commit": results.get("commit", "")[:64],
        "pullRequests": list(urls)[:PULL_REQUESTS_LIMIT],
    }
    return Record(
        manifest={
            "apiVersion": TASK_RECORD.api_version,
            "kind": TASK_RECORD.kind,
            "metadata": {"name": task["uid"], "namespace": namespace, "labels": dict(origin.labels)},
            "spec": {name: value for name, value in spec.items() if value not in (None, "", [])},
        }
    )
