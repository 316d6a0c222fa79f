"""What was written is told: to the cache, the log and the numbers, once the API server has accepted it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kelos.api.kinds import TASK, Manifest
from kelos.cluster.watch import Cache
from kelos.controllers.loop import Log
from kelos.plan import Plan, SetStatus
from kelos.tasks.evidence.attempts import lost_captures
from kelos.tasks.view import TaskView


class Tally(Protocol):
    """Who counts what Tasks do."""

    def status_written(self, before: Manifest, after: Manifest) -> None: ...

    def recorded(self, record: Manifest) -> None: ...

    def captures_lost(self, agent_type: str, attempts: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Keeps the three in step. Nothing is counted before it is true, and nothing twice."""

    tasks: Cache
    log: Log
    tally: Tally | None = None

    def status_written(self, before: Manifest, task: Manifest) -> None:
        """The status that was decided upon, and the Task as the server has it now."""
        meta, status = task["metadata"], task.get("status") or {}
        self.tasks.learn(task)
        standing = {name: status.get(name, "") for name in ("phase", "reason")}
        if standing != {name: before.get(name, "") for name in standing}:
            self.log.info("Task moved", uid=meta["uid"], **standing)
        if self.tally is not None:
            self.tally.status_written(before, task)

    def recorded(self, record: Manifest) -> None:
        """A TaskRecord that was not there before."""
        spec = record["spec"]
        self.log.info("Usage recorded", uid=spec["taskRef"]["uid"], cost=spec["usage"].get("cost", ""))
        if self.tally is not None:
            self.tally.recorded(record)

    def ended(self, view: TaskView, decided: Plan) -> None:
        """A pass that was carried out: attempts it wrote down without an outcome are losses."""
        has_written = any(
            isinstance(step, SetStatus) and step.kind is TASK and "attempts" in step.body for step in decided.steps
        )
        if self.tally is not None and has_written and (lost := lost_captures(view)):
            agent_type = view.task.spec.effective.agent_type
            self.tally.captures_lost(agent_type.value if agent_type is not None else "", lost)
