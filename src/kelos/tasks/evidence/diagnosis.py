"""What a pod's state means to people: one reason, one sentence, one piece of advice; and whose fault an end is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from kelos.api.reasons import Reason


class Fault(str, Enum):
    """Whose fault an end is, which decides about another attempt.

    Only what is surely the cluster's own doing is `INFRASTRUCTURE`: it is repeated on a budget of the controller.
    `AGENT` is repeated as often as `spec.retries` says. `TASK` would end the same way again, or was meant.
    """

    INFRASTRUCTURE = "Infrastructure"
    AGENT = "Agent"
    TASK = "Task"


AGENT_ERRORS = (Reason.AGENT_ERROR, Reason.AGENT_INCOMPLETE, Reason.RATE_LIMITED)
"""What an agent's end is called when asking it again may go better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """`reason` None means a normal end, and `fault` says nothing then.

    `is_problem` marks a start that something holds up which people should know of. `is_vague` means that events may
    know more.
    """

    reason: Reason | None
    message: str
    advice: str = ""
    fault: Fault = Fault.TASK
    is_problem: bool = False
    is_vague: bool = False

    @property
    def sentence(self) -> str:
        return f"{self.message}. {self.advice}" if self.advice else self.message


def fault_of(reason: Reason | None) -> Fault:
    """Whose fault an end is that is known by its reason alone."""
    return Fault.AGENT if reason in AGENT_ERRORS else Fault.TASK


def problem(reason: Reason, message: str, advice: str, *, is_vague: bool = False) -> Diagnosis:
    """A start that is held up."""
    return Diagnosis(reason=reason, message=message, advice=advice, is_problem=True, is_vague=is_vague)
