"""What is owed to whom: which comment and which check must say something else, and which Task may go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from kelos.reporting.comment import comment
from kelos.reporting.subject import EPOCH, State, Subject
from kelos.reporting.thread import Thread

SETTLE_SECONDS = 60.0
"""A request that was sent has had its effect by then, or never will: only now a look tells whether it had."""
GIVE_UP_SECONDS = 6 * 3600.0
GIVE_UP_DELETED_SECONDS = 600.0
"""Whoever deletes a Task does not want to wait for GitHub all day."""
GIVEN_UP = "given up"
"""Noted in place of a state when nobody tries any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentDue:
    """A comment to write. `news` maps uids of Tasks to what it says of them, where that is new.

    `watched` are the Tasks that it calls unfinished, and the anchor: it must not be written on an old view of those.
    """

    body: str
    comment_id: int | None
    must_search: bool
    wait_seconds: float
    news: tuple[tuple[Subject, State], ...]
    watched: tuple[Subject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDue:
    """A check to write."""

    subject: Subject
    state: State
    must_search: bool
    wait_seconds: float


def comment_due(thread: Thread, now: datetime) -> CommentDue | None:
    """What the comment must say now; None when it says so already."""
    news = tuple((s, state) for s in thread.subjects if (state := comment_news(s)) is not None)
    if not news:
        return None
    comment_id = thread.comment_id
    intents = [s.told.comment_intent for s in thread.subjects if s.told.comment_intent is not None]
    unfinished = [s for s in thread.subjects if s.state is State.ACCEPTED or s is thread.anchor]
    return CommentDue(
        body=comment(thread),
        comment_id=comment_id,
        must_search=bool(intents) or thread.is_sticky,
        wait_seconds=_until_settled(max(intents), now) if intents else 0.0,
        news=news,
        watched=tuple(unfinished),
    )


def check_due(subject: Subject, now: datetime) -> CheckDue | None:
    """What the Task's check must say now; None when it says so already."""
    state, intent = check_news(subject), subject.told.check_intent
    if state is None:
        return None
    wait = _until_settled(intent, now) if intent is not None else 0.0
    return CheckDue(subject=subject, state=state, must_search=intent is not None, wait_seconds=wait)


def head_check_due(subject: Subject, now: datetime) -> CheckDue | None:
    """The same verdict for the commit that the agent left on the branch: a check does not move with the head.

    Only once it is told where the Task began, and only of the agent's own commit: nobody else's was looked at.
    """
    state, told = subject.state, subject.told
    has_pushed = bool(subject.commit) and subject.commit != subject.target.sha
    if state is None or told.check != state.of_check or not state.is_final or not has_pushed or told.head_check:
        return None
    wait = _until_settled(told.check_intent, now) if told.check_intent is not None else 0.0
    return CheckDue(subject=subject, state=state, must_search=True, wait_seconds=wait)


def is_told(subject: Subject) -> bool:
    """Whether everything about the Task is said that will ever be said."""
    if not (subject.wants_comment or subject.wants_check):
        return True
    state = subject.state
    if state is None or not state.is_final:
        return subject.deleted_at is not None and state is None
    return comment_news(subject) is None and check_news(subject) is None and head_check_due(subject, EPOCH) is None


def is_given_up(subject: Subject, failing_since: datetime, now: datetime, *, is_hopeless: bool) -> bool:
    """Whether a last report that fails since then is not tried any more; a Task that goes on may still be told of."""
    if not subject.is_over:
        return False
    ends = [max(failing_since, subject.ended_at or failing_since) + timedelta(seconds=GIVE_UP_SECONDS)]
    if subject.deleted_at is not None:
        ends.append(max(failing_since, subject.deleted_at) + timedelta(seconds=GIVE_UP_DELETED_SECONDS))
    return is_hopeless or now >= min(ends)


def comment_news(subject: Subject) -> State | None:
    """What the comment must say of the Task and does not yet."""
    return _news(subject.told.comment, subject.state) if subject.wants_comment else None


def check_news(subject: Subject) -> State | None:
    """What the check must say of the Task and does not yet."""
    return _news(subject.told.check, subject.state) if subject.wants_check else None


def _news(told: str, state: State | None) -> State | None:
    """What is final stays: nothing is taken back."""
    if state is None or told in (State.SUCCEEDED.value, State.FAILED.value, GIVEN_UP):
        return None
    return state if state.is_final or not told else None


def _until_settled(intent: datetime, now: datetime) -> float:
    age = (now - intent).total_seconds()
    return min(max(SETTLE_SECONDS - age, 0.0), SETTLE_SECONDS)
