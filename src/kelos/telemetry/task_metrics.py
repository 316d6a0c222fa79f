"""What Tasks do, in numbers: counted when the API server has accepted what says so, from what was written."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram

from kelos.api.kinds import Manifest
from kelos.api.names import LABEL_SPAWNER
from kelos.api.reasons import Reason
from kelos.settings import AGENT_TYPES
from kelos.telemetry.metrics import OTHER, Words

DURATION_BUCKETS = (30, 60, 120, 300, 600, 1200, 1800, 3600)
NAMESPACES, SPAWNERS, MODELS = 500, 500, 50
ENDS = ("Succeeded", "Failed")
_REASONS = frozenset(reason.value for reason in Reason)


class TaskMetrics:
    """The names and labels of the reference, and what it does not count."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._namespace, self._spawner, self._model = Words(NAMESPACES), Words(SPAWNERS), Words(MODELS)
        whose, end = ["namespace", "type"], ["namespace", "type", "phase"]
        self.created = Counter("kelos_task_created", "Tasks whose Job was created", whose, registry=registry)
        self.completed = Counter("kelos_task_completed", "Tasks that ended", end, registry=registry)
        self.failed = Counter("kelos_task_failed", "Tasks that failed", ["type", "reason"], registry=registry)
        self.duration = Histogram(
            "kelos_task_duration_seconds",
            "Time from the agent's start to the Task's end",
            end,
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.waited = Histogram(
            "kelos_task_wait_seconds",
            "Time from the Task's creation to its agent's start",
            ["type"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.attempts = Counter("kelos_task_attempts", "Pods that ended", ["type", "result"], registry=registry)
        self.lost = Counter(
            "kelos_task_capture_failures", "Agents that ran and whose outcome nobody can tell", ["type"],
            registry=registry,
        )  # fmt: skip
        self._add_spending(registry)

    def _add_spending(self, registry: CollectorRegistry) -> None:
        labels = ["namespace", "type", "spawner", "model"]
        self.cost = Counter("kelos_task_cost_usd", "Cost of Tasks in US dollars", labels, registry=registry)
        self.tokens = {
            field: Counter(f"kelos_task_{words.replace(' ', '_')}_tokens", text, labels, registry=registry)
            for field, words, text in (
                ("inputTokens", "input", "Input tokens that came from no cache"),
                ("outputTokens", "output", "Output tokens, reasoning included"),
                ("cacheReadTokens", "cache read", "Input tokens read from a cache"),
                ("cacheWriteTokens", "cache write", "Input tokens written to a cache"),
            )
        }

    def status_written(self, before: Manifest, after: Manifest) -> None:
        """A Task's status as it was, and the Task as the server has it now."""
        meta, status = after["metadata"], after.get("status") or {}
        namespace, kind = self._namespace(str(meta.get("namespace") or "")), _type(status.get("type"))
        if status.get("jobName") and not before.get("jobName"):
            self.created.labels(namespace, kind).inc()
        if status.get("startTime") and not before.get("startTime"):
            _observe(self.waited.labels(kind), meta.get("creationTimestamp"), status["startTime"])
        known = {attempt.get("podUID") for attempt in before.get("attempts") or ()}
        for attempt in status.get("attempts") or ():
            if attempt.get("podUID") not in known:
                result = attempt.get("reason") or "Succeeded"
                self.attempts.labels(kind, result if result in (*_REASONS, "Succeeded") else OTHER).inc()
        phase = str(status.get("phase"))
        if phase in ENDS and before.get("phase") not in ENDS:
            self.completed.labels(namespace, kind, phase).inc()
            _observe(
                self.duration.labels(namespace, kind, phase), status.get("startTime"), status.get("completionTime")
            )
            if phase == "Failed":
                reason = status.get("reason")
                self.failed.labels(kind, reason if reason in _REASONS else OTHER).inc()

    def recorded(self, record: Manifest) -> None:
        """A TaskRecord that was written: nothing is counted twice, and Tasks that were deleted count too."""
        meta, spec = record["metadata"], record["spec"]
        usage = spec.get("usage") or {}
        labels = (
            self._namespace(str(meta["namespace"])),
            _type(spec.get("type")),
            self._spawner(str((meta.get("labels") or {}).get(LABEL_SPAWNER) or "")),
            self._model(str(spec.get("model") or "")),
        )
        self.cost.labels(*labels).inc(float(usage.get("cost") or 0))
        for field, counter in self.tokens.items():
            counter.labels(*labels).inc(int(usage.get(field) or 0))

    def captures_lost(self, agent_type: str, attempts: int) -> None:
        """So many attempts ended, and nobody can say with what."""
        self.lost.labels(_type(agent_type)).inc(attempts)


def _type(word: object) -> str:
    """One of the agents we know; empty when the Task names none."""
    return str(word) if word in AGENT_TYPES else OTHER if word else ""


def _observe(histogram: Histogram, since: object, until: object) -> None:
    start, end = _moment(since), _moment(until)
    if start is not None and end is not None:
        histogram.observe(max(0.0, (end - start).total_seconds()))


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if isinstance(text, str) and text else None
