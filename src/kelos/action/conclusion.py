"""What a Task's end means for the step: a pure table from status to conclusion, reason, exit code and sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from kelos.action.given.demands import Demands
from kelos.api.kinds import Manifest
from kelos.api.reasons import ClientReason, Phase, Reason

NOTHING_MORE = Demands()


class Conclusion(str, Enum):
    """One word to branch on."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"
    SKIPPED = "skipped"
    DETACHED = "detached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the step ends. `reason` is the output `failure-reason`, empty unless something went wrong."""

    conclusion: Conclusion
    reason: str = ""
    exit_code: int = 0
    message: str = ""


FAILED_BUT_NOT_A_FAILURE = {
    Reason.DEADLINE_EXCEEDED: Conclusion.TIMED_OUT,
    Reason.START_TIMEOUT: Conclusion.TIMED_OUT,
    Reason.CANCELLED: Conclusion.CANCELLED,
    Reason.LEASE_EXPIRED: Conclusion.CANCELLED,
    Reason.SUPERSEDED: Conclusion.CANCELLED,
}

CLIENT_ENDINGS: Mapping[ClientReason, tuple[Conclusion, int]] = {
    ClientReason.WAIT_TIMEOUT: (Conclusion.TIMED_OUT, 1),
    ClientReason.DELETED: (Conclusion.CANCELLED, 1),
    ClientReason.NOT_AUTHORIZED: (Conclusion.FAILURE, 3),
    ClientReason.INVALID_INPUT: (Conclusion.FAILURE, 2),
    ClientReason.API_ERROR: (Conclusion.FAILURE, 3),
    ClientReason.CONTROLLER_UNRESPONSIVE: (Conclusion.FAILURE, 3),
    ClientReason.RESULT_MISSING: (Conclusion.FAILURE, 1),
}

# Reasons that may stand for long without anything being wrong; no limit of ours counts while one does.
PATIENT_REASONS = (Reason.DEPENDENCY_UNFINISHED, Reason.BRANCH_HELD, Reason.CONCURRENCY_LIMIT)


# With these the controller's sentence holds words of the agent or of its provider.
REASONS_IN_THE_AGENTS_WORDS = (
    Reason.AGENT_ERROR,
    Reason.AGENT_INCOMPLETE,
    Reason.RATE_LIMITED,
    Reason.CREDENTIALS_REJECTED,
    Reason.SETUP_FAILED,
)


# A Succeeded Task may still carry one of these from its way there, where another controller wrote the status.
PASSING_REASONS = (
    *PATIENT_REASONS,
    Reason.DEPENDENCY_MISSING,
    Reason.BUDGET_EXCEEDED,
    Reason.WORKSPACE_MISSING,
    Reason.AGENT_CONFIG_MISSING,
    Reason.SECRET_MISSING,
    Reason.TOKEN_UNAVAILABLE,
    Reason.POD_PENDING,
    Reason.UNSCHEDULABLE,
    Reason.IMAGE_PULL,
    Reason.INITIALIZING,
)


def conclude(task: Manifest, *, demands: Demands = NOTHING_MORE) -> Ending | None:
    """The ending that the Task's status tells; None while it goes on."""
    phase = phase_of(task)
    if phase is Phase.SUCCEEDED:
        return _succeeded(task, demands)
    if phase is Phase.FAILED:
        reason = reason_of(task) or Reason.AGENT_ERROR
        return Ending(
            conclusion=FAILED_BUT_NOT_A_FAILURE.get(reason, Conclusion.FAILURE),
            reason=reason.kebab,
            exit_code=1,
            message=_sentence(task) or f"Task '{name_of(task)}' failed and the cluster did not say why",
        )
    return None


def client_ending(reason: ClientReason, message: str) -> Ending:
    """An ending that only we can see."""
    conclusion, exit_code = CLIENT_ENDINGS[reason]
    return Ending(conclusion=conclusion, reason=reason.value, exit_code=exit_code, message=message)


def never_submitted() -> Ending:
    """The ending after a signal that came before anything was sent."""
    message = "The step was stopped before it had submitted a Task"
    return Ending(conclusion=Conclusion.CANCELLED, reason=Reason.CANCELLED.kebab, exit_code=130, message=message)


def interrupted(name: str, *, is_cancelled: bool, policy: str) -> Ending:
    """The ending after a signal."""
    if policy == "detach":
        message = f"The step was stopped; Task '{name}' goes on in the cluster, as `on-cancel: detach` asks"
        return Ending(conclusion=Conclusion.DETACHED, exit_code=130, message=message)
    done = "deleted" if policy == "delete" else "cancelled"
    failed = "is not confirmed as cancelled: its lease will end it, or `kelos cancel` does"
    message = f"The step was stopped; Task '{name}' {f'was {done}' if is_cancelled else failed}"
    return Ending(conclusion=Conclusion.CANCELLED, reason=Reason.CANCELLED.kebab, exit_code=130, message=message)


def dropped(name: str, why: str, *, was_created: bool, is_cancelled: bool) -> Ending:
    """The ending of a Task whose chain cannot be completed."""
    failed = "is not confirmed as cancelled: its lease will end it, or `kelos cancel` does"
    done = ("was cancelled" if is_cancelled else failed) if was_created else "was not created"
    message = f"{why}, so Task '{name}' {done}"
    return Ending(conclusion=Conclusion.CANCELLED, reason=Reason.CANCELLED.kebab, exit_code=1, message=message)


def without_words(ending: Ending, name: str) -> Ending:
    """The ending without a sentence that the agent may have written."""
    if ending.conclusion is Conclusion.SUCCESS:
        return replace(ending, message=f"Task '{name}' succeeded")
    if ending.reason in [reason.kebab for reason in REASONS_IN_THE_AGENTS_WORDS]:
        return replace(ending, message=f"Task '{name}' failed; `logs: none` keeps back what the agent said")
    return ending


def progress_of(task: Manifest, *, is_discreet: bool = False) -> str:
    """What the cluster says about a Task that goes on; when that may be no word of the agent, only about its start."""
    if is_discreet and reason_of(task) not in PASSING_REASONS:
        return ""
    return str(status_of(task).get("message") or "")


def too_late(late: ClientReason, name: str, *, news: str, then: str) -> Ending:
    """The ending when the step waits no longer; `then` says what becomes of the Task."""
    if late is ClientReason.CONTROLLER_UNRESPONSIVE:
        problem = f"Nobody has taken up Task '{name}' for a minute: check that the Kelos controller runs"
    else:
        problem = f"Task '{name}' has not ended in the time that `wait-timeout` allows (now {news or 'new'})"
    return client_ending(late, f"{problem}; it {then}")


def gone(task: Manifest, *, replaced: bool, demands: Demands = NOTHING_MORE) -> Ending:
    """The ending when the Task is not there any more: what it last said counts, if that was an end."""
    name = name_of(task)
    if replaced:
        message = f"Task '{name}' was replaced by another of the same name, whose results are not ours"
        return Ending(conclusion=Conclusion.FAILURE, reason=ClientReason.DELETED.value, exit_code=1, message=message)
    if ending := conclude(task, demands=demands):
        return ending
    if task.get("spec", {}).get("ttlSecondsAfterFinished") is not None:
        advice = "raise `ttl` if it ended in the meantime"
    else:
        advice = "ask who deleted it, or run the workflow again"
    return client_ending(ClientReason.DELETED, f"Task '{name}' was deleted before its end was seen: {advice}")


def is_patient(task: Manifest) -> bool:
    """Whether the Task waits for other Tasks, the branch or a free place."""
    return phase_of(task) is Phase.WAITING and reason_of(task) in PATIENT_REASONS


def is_settled(task: Manifest) -> bool:
    """Whether results can still come: our controller writes them with the condition, others may be late."""
    status = status_of(task)
    conditions = status.get("conditions") or ()
    is_ours = any(
        condition.get("type") == "Succeeded" and condition.get("status") != "Unknown" for condition in conditions
    )
    return is_ours or bool(status.get("results"))


def phase_of(task: Manifest) -> Phase | None:
    word = status_of(task).get("phase")
    return Phase(word) if word in [phase.value for phase in Phase] else None


def reason_of(task: Manifest) -> Reason | None:
    """The reason, when it is one of the closed list."""
    word = status_of(task).get("reason")
    return Reason(word) if word in [reason.value for reason in Reason] else None


def status_of(task: Manifest) -> dict[str, Any]:
    status = task.get("status")
    return status if isinstance(status, dict) else {}


def name_of(task: Manifest) -> str:
    return str(task.get("metadata", {}).get("name", ""))


def _succeeded(task: Manifest, demands: Demands) -> Ending:
    reason = reason_of(task)
    if reason is not None and reason not in PASSING_REASONS:
        # A phase can be wrong where an agent was cut off and still ended with code 0; the reason is never softer.
        return Ending(
            conclusion=Conclusion.FAILURE,
            reason=reason.kebab,
            exit_code=1,
            message=_sentence(task) or f"Task '{name_of(task)}' ended with {reason.value}",
        )
    if unmet := demands.unmet(status_of(task).get("results") or {}):
        return client_ending(ClientReason.RESULT_MISSING, f"Task '{name_of(task)}' succeeded {unmet}")
    return Ending(conclusion=Conclusion.SUCCESS, message=_sentence(task) or f"Task '{name_of(task)}' succeeded")


def _sentence(task: Manifest) -> str:
    status = status_of(task)
    diagnosis = status.get("diagnosis") if isinstance(status.get("diagnosis"), dict) else {}
    message = str(status.get("message") or (diagnosis or {}).get("message") or "")
    advice = str((diagnosis or {}).get("advice") or "")
    if not message or not advice or advice in message:
        return message
    return f"{message}: {advice}" if advice[0].islower() else f"{message.rstrip('.')}. {advice}"
