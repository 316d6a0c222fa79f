"""Brings a Task's check up to date: a check run, or a commit status where the account cannot make check runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from kelos.api.names import (
    ANNOTATION_CHECK_FORM,
    ANNOTATION_CHECK_INTENT,
    ANNOTATION_CHECK_PHASE,
    ANNOTATION_CHECK_RUN_ID,
    ANNOTATION_HEAD_CHECK,
)
from kelos.clients.github.answers import Missing, NotAllowed
from kelos.clients.github_writer import GitHubWriter
from kelos.cluster.pace import now as seconds
from kelos.controllers.reporter.comments import FRESH_SECONDS
from kelos.controllers.reporter.notes import Notes
from kelos.controllers.reporter.writers import Writers
from kelos.errors import Conflict, UserError
from kelos.reporting.check import CheckRun, check_run, commit_status
from kelos.reporting.plan import CheckDue, check_due, head_check_due
from kelos.reporting.subject import Form, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The channel of checks."""

    notes: Notes
    writers: Writers
    now: Callable[[], datetime]

    async def deliver(self, subject: Subject) -> float | None:
        """Say what is due; in how many seconds to come again, None when nothing is left to say."""
        if (due := check_due(subject, self.now())) is not None:
            return await self._tell(due)
        if (due := head_check_due(subject, self.now())) is not None:
            return await self._follow(due)
        return None

    async def _tell(self, due: CheckDue) -> float | None:
        subject = due.subject
        writer = await self.writers.open(subject)
        if (wait := self._wait(due, writer)) > 0:
            return wait
        said: dict[str, str | None] = {ANNOTATION_CHECK_PHASE: due.state.of_check, ANNOTATION_CHECK_INTENT: None}
        if not await self._has_edited(writer, due):
            began_at = seconds()
            await self.notes.intend(subject, ANNOTATION_CHECK_INTENT, number=ANNOTATION_CHECK_RUN_ID)
            said |= await self._make(writer, due, subject.target.sha, began_at)
        await self.notes.note(subject, said)
        return None

    async def _follow(self, due: CheckDue) -> float | None:
        """Tell it of the commit that the agent has left, when that is the head now."""
        subject = due.subject
        writer = await self.writers.open(subject)
        if (wait := self._wait(due, writer)) > 0:
            return wait
        number, said = subject.target.number, "none"
        if number.isdecimal() and subject.commit == await writer.head_of(int(number)):
            began_at = seconds()
            await self.notes.intend(subject, ANNOTATION_CHECK_INTENT)
            with suppress(UserError):  # the commit may be in another repository, where the branch comes from
                await self._make(writer, due, subject.commit, began_at)
                said = subject.commit
        await self.notes.note(subject, {ANNOTATION_HEAD_CHECK: said, ANNOTATION_CHECK_INTENT: None})
        return None

    def _wait(self, due: CheckDue, writer: GitHubWriter) -> float:
        return due.wait_seconds or writer.standing.turn(("check", due.subject.uid), seconds())

    async def _has_edited(self, writer: GitHubWriter, due: CheckDue) -> bool:
        check_id = due.subject.told.check_id
        if check_id is None:
            return False
        await self.notes.make_sure([due.subject])
        try:
            await writer.edit_check_run(check_id, _body(check_run(due.subject, due.state)))
        except Missing:
            return False
        return True

    async def _make(self, writer: GitHubWriter, due: CheckDue, sha: str, began_at: float) -> dict[str, str | None]:
        """Make the check, or find the one that an earlier try has made; what to note of it."""
        refusal: UserError | None = None
        if due.subject.told.form is Form.RUN and writer.standing.has_check_runs:
            try:
                return {ANNOTATION_CHECK_RUN_ID: str(await self._make_run(writer, due, sha, began_at))}
            except (NotAllowed, Missing) as error:
                refusal = error
        try:
            await self._make_status(writer, due, sha, began_at)
        except (NotAllowed, Missing) as error:
            raise UserError(f"{refusal}; no commit status either: {error}") from None if refusal else error
        if isinstance(refusal, NotAllowed):
            writer.standing.has_check_runs = False
        return {ANNOTATION_CHECK_FORM: Form.STATUS.value}

    async def _make_run(self, writer: GitHubWriter, due: CheckDue, sha: str, began_at: float) -> int:
        run = check_run(due.subject, due.state, sha=sha)
        if due.must_search and (found := await writer.find_check_run(run.sha, run.name, run.external_id)) is not None:
            await writer.edit_check_run(found, _body(run))
            return found
        _be_fresh(began_at)
        return await writer.create_check_run(_body(run))

    async def _make_status(self, writer: GitHubWriter, due: CheckDue, sha: str, began_at: float) -> None:
        status = commit_status(due.subject, due.state, sha=sha)
        body = {"state": status.state, "context": status.context, "description": status.description}
        if due.must_search and await writer.has_status(status.sha, body):
            return
        _be_fresh(began_at)
        await writer.create_status(status.sha, body)


def _be_fresh(began_at: float) -> None:
    if seconds() - began_at > FRESH_SECONDS:
        raise Conflict("The intent to check has become old; it is looked at anew")


def _body(run: CheckRun) -> dict[str, Any]:
    """As GitHub wants it."""
    body: dict[str, Any] = {
        "name": run.name,
        "head_sha": run.sha,
        "external_id": run.external_id,
        "status": "completed" if run.conclusion else "in_progress",
        "started_at": _moment(run.started_at),
        "output": {"title": run.title, "summary": run.summary},
    }
    if run.conclusion:
        body["conclusion"] = run.conclusion
    if run.completed_at is not None:
        body["completed_at"] = _moment(run.completed_at)
    return body


def _moment(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
