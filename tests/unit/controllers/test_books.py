"""What a pass wrote is told once, and only when it is true."""

from __future__ import annotations

from typing import Any

import make
from kelos.api.kinds import TASK, Manifest
from kelos.cluster.watch import Cache
from kelos.controllers.books import Books
from kelos.tasks.plan import plan
from kelos.tasks.view import TaskView

RUNNING = {"phase": "Running", "jobName": "fix-bug", "type": "demo"}


class Told:
    """A log and a tally in one: everything that is said to it."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []
        self.lost: list[tuple[str, int]] = []
        self.statuses: list[Manifest] = []

    def __getattr__(self, level: str) -> Any:
        return lambda event, **fields: self.lines.append((event, fields))

    def status_written(self, before: Manifest, after: Manifest) -> None:
        self.statuses.append(before)

    def recorded(self, record: Manifest) -> None: ...

    def captures_lost(self, agent_type: str, attempts: int) -> None:
        self.lost.append((agent_type, attempts))


def books(told: Told) -> Books:
    return Books(tasks=Cache(None, TASK), log=told, tally=told)  # type: ignore[arg-type]


def test_a_task_that_moved_is_a_line_in_the_log():
    """With nothing in it that somebody else wrote: messages may quote an agent."""
    told = Told()
    meta = {"uid": "u", "resourceVersion": "1"}
    task = make.task_manifest(status={**RUNNING, "message": "secret"}, meta=meta)

    books(told).status_written({"phase": "Pending", "reason": "PodPending"}, task)
    books(told).status_written(RUNNING, task)

    assert [("Task moved", {"uid": "u", "phase": "Running", "reason": ""})] == told.lines
    assert [{"phase": "Pending", "reason": "PodPending"}, RUNNING] == told.statuses


def ended(view: TaskView) -> list[tuple[str, int]]:
    told = Told()
    books(told).ended(view, plan(view))
    return told.lost


def test_an_agent_whose_outcome_nobody_knows_is_a_loss():
    """It may have cost something."""
    view = make.view(make.task(status=RUNNING), job=make.job(failure="x"), pods=(make.ended_pod(exit_code=137),))

    assert [("demo", 1)] == ended(view)


def test_a_pass_that_writes_nothing_loses_nothing():
    """The same pod is looked at more than once: while the Job's verdict is waited for, and when all is written."""
    pod = make.ended_pod(exit_code=137)
    attempt = {"podName": pod.name, "podUID": pod.uid, "phase": "Failed", "message": "x"}
    status = {**RUNNING, "phase": "Failed", "reason": "AgentError", "attempts": [attempt]}

    assert [] == ended(make.view(make.task(status=RUNNING), job=make.job(), pods=(pod,)))
    assert [] == ended(make.view(make.task(status=status), job=make.job(failure="x"), pods=(pod,)))
