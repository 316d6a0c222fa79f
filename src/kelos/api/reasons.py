"""Why a Task waits, starts, failed: one closed list shared by controller, CLI, reporter and Action."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any


class Phase(str, Enum):
    """`status.phase`, the column people read."""

    PENDING = "Pending"
    WAITING = "Waiting"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def is_terminal(self) -> bool:
        return self in (Phase.SUCCEEDED, Phase.FAILED)


class Reason(str, Enum):
    """`status.reason`. The same word may stand for a wait and, later, for the failure it became."""

    # waiting
    DEPENDENCY_MISSING = "DependencyMissing"
    DEPENDENCY_UNFINISHED = "DependencyUnfinished"
    BRANCH_HELD = "BranchHeld"
    CONCURRENCY_LIMIT = "ConcurrencyLimit"
    BUDGET_EXCEEDED = "BudgetExceeded"
    WORKSPACE_MISSING = "WorkspaceMissing"
    AGENT_CONFIG_MISSING = "AgentConfigMissing"
    SECRET_MISSING = "SecretMissing"
    TOKEN_UNAVAILABLE = "TokenUnavailable"
    # starting
    POD_PENDING = "PodPending"
    UNSCHEDULABLE = "Unschedulable"
    IMAGE_PULL = "ImagePull"
    INITIALIZING = "Initializing"
    # failed
    AGENT_ERROR = "AgentError"
    AGENT_INCOMPLETE = "AgentIncomplete"
    SETUP_FAILED = "SetupFailed"
    CLONE_FAILED = "CloneFailed"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    START_TIMEOUT = "StartTimeout"
    OOM_KILLED = "OOMKilled"
    EVICTED = "Evicted"
    RATE_LIMITED = "RateLimited"
    CREDENTIALS_REJECTED = "CredentialsRejected"
    DEPENDENCY_FAILED = "DependencyFailed"
    DEPENDENCY_CYCLE = "DependencyCycle"
    INVALID_SPEC = "InvalidSpec"
    CANCELLED = "Cancelled"
    LEASE_EXPIRED = "LeaseExpired"
    SUPERSEDED = "Superseded"
    JOB_DELETED = "JobDeleted"
    POLICY_DENIED = "PolicyDenied"

    @property
    def kebab(self) -> str:
        """The word as the Action prints it: `OOMKilled` is `oom-killed`."""
        return _kebab(self.value)


class Retriable(str, Enum):
    """Ends of an agent that `spec.retries` may repeat. The others would end the same way again."""

    AGENT_ERROR = Reason.AGENT_ERROR.value
    AGENT_INCOMPLETE = Reason.AGENT_INCOMPLETE.value
    RATE_LIMITED = Reason.RATE_LIMITED.value


class ClientReason(str, Enum):
    """Endings only a client can see; the Action adds them to `Reason` in its output `failure-reason`."""

    WAIT_TIMEOUT = "wait-timeout"
    DELETED = "deleted"
    NOT_AUTHORIZED = "not-authorized"
    INVALID_INPUT = "invalid-input"
    API_ERROR = "api-error"
    CONTROLLER_UNRESPONSIVE = "controller-unresponsive"
    RESULT_MISSING = "result-missing"


def _kebab(word: str) -> str:
    out = ""
    for i, letter in enumerate(word):
        starts_word = letter.isupper() and i > 0 and (word[i - 1].islower() or word[i + 1 : i + 2].islower())
        out += ("-" if starts_word else "") + letter.lower()
    return out


EXIT_CODES: dict[int, Reason] = {
    80: Reason.AGENT_ERROR,
    81: Reason.AGENT_INCOMPLETE,
    82: Reason.SETUP_FAILED,
    83: Reason.CLONE_FAILED,
    84: Reason.DEADLINE_EXCEEDED,
    85: Reason.RATE_LIMITED,
    86: Reason.CREDENTIALS_REJECTED,
    87: Reason.INVALID_SPEC,
    88: Reason.CANCELLED,
}
"""Exit codes reserved by the runner, used when the agent's own code would lie (0) or does not exist.

The Job's failure policy fails the Job on any of them, so that no such ending is repeated by Kubernetes.
"""


def exit_code_of(reason: Reason) -> int:
    """The reserved exit code of a reason; `AgentError`'s for one that has none."""
    return next((code for code, known in EXIT_CODES.items() if known is reason), 80)


PROMPT_RENDERED = "PromptRendered"
"""The Task's condition that tells what became of its prompt's template."""


FULLY_APPLIED = "FullyApplied"
"""The Task's condition that tells whether its agent and pod got all that the Task asks for."""


def warning_of(task: Mapping[str, Any]) -> str:
    """What a person should know about a Task that runs all the same; empty when there is nothing."""
    conditions = (task.get("status") or {}).get("conditions") or ()
    found = (c for c in conditions if c.get("type") in (PROMPT_RENDERED, FULLY_APPLIED) and c.get("status") == "False")
    return "; ".join(str(condition.get("message") or condition.get("reason")) for condition in found)
