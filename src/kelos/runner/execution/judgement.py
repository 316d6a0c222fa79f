"""The outcome of a run from what the stream, the program, the clock and git tell. Pure."""

from __future__ import annotations

from dataclasses import replace

from kelos.api.outcome import AgentEnd, GitFacts, Outcome
from kelos.api.reasons import Reason, exit_code_of
from kelos.runner.execution.agent_run import Because, Ended


def judge(end: AgentEnd, ended: Ended, git: GitFacts, *, model: str, limit_seconds: float | None) -> Outcome:
    """What ended the run from outside decides before what the agent says about itself."""
    reason, message = _why(end, ended, limit_seconds)
    usage = end.usage if end.usage.model or not model else replace(end.usage, model=model)
    return Outcome(
        reason=reason,
        message=message,
        exit_code=_exit_code(reason, ended),
        git=git,
        usage=usage,
        response=end.response,
        session_id=end.session_id,
    )


def _why(end: AgentEnd, ended: Ended, limit_seconds: float | None) -> tuple[Reason | None, str]:
    if ended.because is Because.CANCELLED:
        return Reason.CANCELLED, "The agent was asked to end before it was done"
    if ended.because is Because.DEADLINE:
        return Reason.DEADLINE_EXCEEDED, (
            f"The agent ran longer than its limit of {limit_seconds or 0:g} seconds; "
            "raise the Task's timeoutSeconds or give it a smaller job"
        )
    if ended.is_reader_broken and end.reason is None:
        return Reason.AGENT_ERROR, "The agent's output could not be read to its end"
    return end.reason, end.message


def _exit_code(reason: Reason | None, ended: Ended) -> int:
    """The agent's own code when it ended by itself and says that something is wrong; ours where it would lie."""
    if ended.because is Because.ITSELF and ended.exit_code:
        return ended.exit_code
    return 0 if reason is None else exit_code_of(reason)
