"""Attempts: every pod of a Task that is over, judged once; usage of all of them adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from kelos.api.conditions import timestamp
from kelos.api.kinds import Manifest
from kelos.api.outcome import Outcome, Usage
from kelos.api.quantity import quantity_of
from kelos.api.reasons import Phase, Reason
from kelos.outputs.document import decode_document
from kelos.outputs.markers import read_log
from kelos.outputs.outcome import join
from kelos.tasks.evidence.diagnosis import Diagnosis, Fault, fault_of
from kelos.tasks.evidence.end import End
from kelos.tasks.evidence.ending import why_ended
from kelos.tasks.evidence.facts import PodFacts
from kelos.tasks.status import STOP_REQUESTED, true_condition
from kelos.tasks.view import TaskView


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One pod's end."""

    pod: PodFacts
    outcome: Outcome | None
    diagnosis: Diagnosis

    @property
    def has_succeeded(self) -> bool:
        return self.diagnosis.reason is None


def needs_log(pod: PodFacts) -> bool:
    """Whether the pod's log must be read: its agent ran, and the termination message does not say it all."""
    if not pod.is_over or not pod.agent.has_started:
        return False
    document = decode_document(pod.agent.termination_message)
    return document is None or document.response_is_cut


def read_outcome(pod: PodFacts, log: str) -> Outcome | None:
    """The runner's document first, what the log adds second; `git-clone` speaks when the agent never ran."""
    if not pod.agent.has_started:
        messages = (c.termination_message for c in pod.preparation if c.exit_code not in (None, 0))
        return next((o for m in messages if (o := decode_document(m)) is not None), None)
    document = decode_document(pod.agent.termination_message)
    told = read_log(log) if log else None
    if document is None or told is None or not told.lines:
        return document or told
    return join(document, told)


def attempts_over(view: TaskView) -> tuple[Attempt, ...]:
    """Attempts whose pods are over and still there, the one that decides last."""
    return _decisive_last(judge(view, pod) for pod in view.pods if pod.is_over)


def attempts_of(pods: Iterable[PodFacts], logs: Mapping[str, str]) -> tuple[Attempt, ...]:
    """The same for pods whose Task is gone: nobody can say any more whether they were stopped."""
    return _decisive_last(_attempt(pod, logs, was_stopped=True, stop=None) for pod in pods if pod.is_over)


def _decisive_last(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Oldest first, except that one success is enough: pods beside it, made by mistake, are taken away."""
    return tuple(sorted(attempts, key=lambda each: (each.has_succeeded, each.pod.agent.exit_code == 0)))


def judge(view: TaskView, pod: PodFacts) -> Attempt:
    was_stopped = view.job is not None and (view.job.is_suspended or view.job.failure == "DeadlineExceeded")
    return _attempt(pod, view.logs, was_stopped=was_stopped, stop=_stop_in_progress(view))


def _stop_in_progress(view: TaskView) -> Diagnosis | None:
    """Why the controller ends the pods; an attempt that was not to be repeated is why of its own end alone."""
    asked = true_condition(view.status, STOP_REQUESTED)
    if asked is None or any(entry["message"] == asked["message"] for entry in recorded(view).values()):
        return None
    return Diagnosis(reason=Reason(asked["reason"]), message=asked["message"])


def has_used(usage: Manifest | None) -> bool:
    """Whether that is more than the name of a model."""
    return any(field != "model" for field in usage or {})


def _attempt(pod: PodFacts, logs: Mapping[str, str], *, was_stopped: bool, stop: Diagnosis | None) -> Attempt:
    log = logs.get(pod.uid, "")
    outcome = read_outcome(pod, log)
    end = End(pod=pod, outcome=outcome, log=log, was_stopped=was_stopped, stop=stop)
    return Attempt(pod=pod, outcome=outcome, diagnosis=why_ended(end))


def lost_captures(view: TaskView) -> int:
    """How many agents ran and ended without anybody being able to say with what, and are not in status yet."""
    new = (a for a in attempts_over(view) if a.pod.uid not in recorded(view))
    return sum(1 for attempt in new if attempt.outcome is None and attempt.pod.agent.has_started)


def recorded(view: TaskView) -> dict[str, Manifest]:
    """Attempts already in status, by pod uid, oldest first."""
    return {entry["podUID"]: entry for entry in view.status.get("attempts") or ()}


def record(view: TaskView, attempts: Iterable[Attempt]) -> list[Manifest]:
    """`status.attempts` with these attempts in it; what was written once stays as it was."""
    entries = recorded(view)
    for attempt in attempts:
        entries.setdefault(attempt.pod.uid, entry_of(attempt))
    return list(entries.values())


def faults(entries: Iterable[Manifest]) -> Counter[Fault]:
    """How many attempts failed by whose fault."""
    return Counter(_fault(entry) for entry in entries if entry.get("reason"))


def usage_entry(usage: Usage) -> Manifest:
    """Usage as status carries it: the plain decimal beside the Kubernetes quantity."""
    numbers = {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "cacheReadTokens": usage.cache_read_tokens,
        "cacheWriteTokens": usage.cache_write_tokens,
        "reasoningTokens": usage.reasoning_tokens,
        "cost": usage.cost_usd,
        "costUSD": quantity_of(usage.cost_usd) if usage.cost_usd is not None else None,
        "model": usage.model,
    }
    return {field: value for field, value in numbers.items() if value is not None}


def total_usage(entries: Iterable[Manifest]) -> Manifest:
    """The sum over attempts; the model is the last one named."""
    total: Manifest = {}
    cost: Decimal | None = None
    for usage in (entry.get("usage") or {} for entry in entries):
        for field in ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "reasoningTokens"):
            if field in usage:
                total[field] = total.get(field, 0) + usage[field]
        if "cost" in usage:
            cost = (cost or Decimal(0)) + Decimal(usage["cost"])
        if "model" in usage:
            total["model"] = usage["model"]
    if cost is not None:
        total["cost"] = format(cost.normalize(), "f")
        if (quantity := quantity_of(total["cost"])) is not None:
            total["costUSD"] = quantity
    return total


def entry_of(attempt: Attempt) -> Manifest:
    """One attempt as `status.attempts` lists it."""
    pod, agent, why = attempt.pod, attempt.pod.agent, attempt.diagnosis
    entry: Manifest = {
        "podName": pod.name,
        "podUID": pod.uid,
        "phase": (Phase.SUCCEEDED if why.reason is None else Phase.FAILED).value,
        "message": why.message,
    }
    if why.reason is not None:
        entry |= {"reason": why.reason.value, "fault": why.fault.value}
        entry |= {"advice": why.advice} if why.advice else {}
    if agent.exit_code is not None:
        entry["exitCode"] = agent.exit_code
    if agent.started_at is not None:
        entry["startTime"] = timestamp(agent.started_at)
    if agent.finished_at is not None:
        entry["completionTime"] = timestamp(agent.finished_at)
    if attempt.outcome is not None and (usage := usage_entry(attempt.outcome.usage)):
        entry["usage"] = usage
    return entry


def _fault(entry: Manifest) -> Fault:
    """What was written before faults were kept is judged by its reason."""
    known = next((fault for fault in Fault if fault.value == entry.get("fault")), None)
    if known is not None:
        return known
    reason = Reason(entry["reason"])
    return Fault.INFRASTRUCTURE if reason is Reason.EVICTED else fault_of(reason)
