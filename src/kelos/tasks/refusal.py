"""The API server would not have the Job: what that means for the Task."""

from __future__ import annotations

from kelos.api.reasons import Reason
from kelos.errors import Forbidden, Invalid
from kelos.plan import Plan
from kelos.tasks.start import refuse
from kelos.tasks.view import TaskView

PASSING = ("cannot create resource", "exceeded quota", "being terminated")
"""Words of a Forbidden that will pass: rights of the controller, quotas, a namespace on its way out."""


def plan_refusal(view: TaskView, answer: Invalid | Forbidden) -> Plan | None:
    """Fail the Task with the server's sentence; None when waiting may help."""
    if isinstance(answer, Invalid):
        return refuse(view, Reason.INVALID_SPEC, f"The API server refused the Job: {answer}")
    if any(words in str(answer) for words in PASSING):
        return None
    return refuse(view, Reason.POLICY_DENIED, f"A policy of the cluster refused the Job: {answer}")
