"""Brings a thread's comment up to date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from kelos.api.names import ANNOTATION_COMMENT_ID, ANNOTATION_COMMENT_INTENT, ANNOTATION_REPORT_PHASE
from kelos.clients.github.answers import Missing
from kelos.clients.github_writer import GitHubWriter
from kelos.cluster.pace import now as seconds
from kelos.controllers.reporter.notes import Notes
from kelos.controllers.reporter.writers import Hopeless, Writers
from kelos.errors import Conflict
from kelos.reporting.plan import CommentDue, comment_due
from kelos.reporting.thread import Thread

FRESH_SECONDS = 15.0
"""After an intent a comment is made at once or not at all; with the request's own limit that is before it settles."""
CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comments:
    """The channel of comments."""

    notes: Notes
    writers: Writers
    now: Callable[[], datetime]

    async def deliver(self, thread: Thread) -> float | None:
        """Say what is due; in how many seconds to come again, None when nothing is left to say."""
        due = comment_due(thread, self.now())
        if due is None:
            return None
        if due.wait_seconds > 0:
            return due.wait_seconds
        writer = await self.writers.open(thread.newest)
        if (wait := writer.standing.turn(("comment", thread.key), seconds())) > 0:
            return wait
        comment_id = await self._edit(writer, thread, due)
        if comment_id is None:
            comment_id = await self._create(writer, thread, due)
        await self._note(thread, due, comment_id)
        return None

    async def _edit(self, writer: GitHubWriter, thread: Thread, due: CommentDue) -> int | None:
        """None when there is no comment to edit, or not any more."""
        if due.comment_id is None:
            return None
        await self.notes.make_sure(due.watched)
        try:
            await writer.edit_comment(due.comment_id, due.body)
        except Missing:
            return None
        return due.comment_id

    async def _create(self, writer: GitHubWriter, thread: Thread, due: CommentDue) -> int:
        number = _number(thread)
        began_at = seconds()
        await self.notes.make_sure(s for s in due.watched if s is not thread.anchor)
        await self.notes.intend(thread.anchor, ANNOTATION_COMMENT_INTENT, number=ANNOTATION_COMMENT_ID)
        if due.must_search or due.comment_id is not None:  # it was deleted, or another one has been made
            since = None if thread.is_sticky else thread.anchor.created_at - CLOCKS_DIFFER
            found = await writer.find_comment(number, thread.marker, since)
            if found is not None:
                await writer.edit_comment(found, due.body)
                return found
        if seconds() - began_at > FRESH_SECONDS:
            raise Conflict("The intent to comment has become old; it is looked at anew")
        return await writer.create_comment(number, due.body)

    async def _note(self, thread: Thread, due: CommentDue, comment_id: int) -> None:
        """The anchor last: as long as its intent stands, nobody makes another comment."""
        states = {subject.uid: state for subject, state in due.news}
        for subject in reversed(thread.subjects):
            notes: dict[str, str | None] = {ANNOTATION_COMMENT_ID: str(comment_id)}
            if subject.uid in states:
                notes[ANNOTATION_REPORT_PHASE] = states[subject.uid].value
            if subject is thread.anchor:
                notes[ANNOTATION_COMMENT_INTENT] = None
            if subject.uid in states or subject is thread.anchor:
                await self.notes.note(subject, notes)


def _number(thread: Thread) -> int:
    text = thread.newest.target.number
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Hopeless("The Task does not say to which issue or pull request its reports go")
    return int(text)
