"""The check on a pull request's head: a check run, or a commit status where check runs are not allowed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kelos.reporting.facts import facts, sentence
from kelos.reporting.subject import State, Subject
from kelos.reporting.text import one_line

NAME_LIMIT = 100
DESCRIPTION_LIMIT = 140

_TITLES = {State.ACCEPTED: "In Progress", State.SUCCEEDED: "Succeeded", State.FAILED: "Failed"}
_CONCLUSIONS = {State.SUCCEEDED: "success", State.FAILED: "failure"}
_STATUSES = {State.ACCEPTED: "pending", State.SUCCEEDED: "success", State.FAILED: "failure"}
_WORDS = {State.ACCEPTED: "is being processed", State.SUCCEEDED: "has succeeded", State.FAILED: "has failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """A check run. `conclusion` is empty while the Task goes on; `external_id` is the Task's uid."""

    name: str
    sha: str
    external_id: str
    started_at: datetime
    title: str
    summary: str
    conclusion: str = ""
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStatus:
    """A commit status; the newest of a context counts."""

    context: str
    sha: str
    state: str
    description: str


def check_run(subject: Subject, state: State, *, sha: str = "") -> CheckRun:
    """What the check run says of the Task; on the commit it is about, or on another one."""
    name = _name(subject)
    return CheckRun(
        name=name,
        sha=sha or subject.target.sha,
        external_id=subject.uid,
        started_at=subject.created_at,
        title=f"{name} — {_TITLES[state]}",
        summary="\n\n".join(filter(None, (sentence(subject), "\n".join(facts(subject))))),
        conclusion=_CONCLUSIONS.get(state, ""),
        completed_at=(subject.ended_at or subject.deleted_at) if state.is_final else None,
    )


def commit_status(subject: Subject, state: State, *, sha: str = "") -> CommitStatus:
    """The same in one line."""
    reason = f": {subject.reason}" if state is State.FAILED and subject.reason else ""
    return CommitStatus(
        context=_name(subject),
        sha=sha or subject.target.sha,
        state=_STATUSES[state],
        description=one_line(f"Task {subject.name} {_WORDS[state]}{reason}", DESCRIPTION_LIMIT),
    )


def _name(subject: Subject) -> str:
    return one_line(subject.check_name, NAME_LIMIT) or one_line(f"Kelos: {subject.name}", NAME_LIMIT)
