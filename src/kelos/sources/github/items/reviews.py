"""What the reviews of a pull request come to: the last word of every reviewer about the head commit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from kelos.api.github_sources import ReviewState
from kelos.api.work_item import Trigger
from kelos.sources.github.items.records import login_of, moment

_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)
_STATES = {"APPROVED": ReviewState.APPROVED, "CHANGES_REQUESTED": ReviewState.CHANGES_REQUESTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`state` is empty when nobody has decided; `trigger` is the review that did last."""

    state: str = ""
    trigger: Trigger = field(default_factory=Trigger)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    state: ReviewState
    at: datetime
    key: str


def standing_of(reviews: Iterable[dict[str, Any]], head_sha: str) -> Standing:
    """One reviewer who wants changes outweighs all approvals."""
    last: dict[str, _Word] = {}
    for review in reviews:
        state = _STATES.get(str(review.get("state") or "").upper())
        if state is None or review.get("commit_id") != head_sha:
            continue
        word = _Word(state=state, at=moment(review.get("submitted_at")) or _LONG_AGO, key=f"review:{review.get('id')}")
        reviewer = login_of(review).lower()
        if reviewer not in last or word.at >= last[reviewer].at:
            last[reviewer] = word
    for state in (ReviewState.CHANGES_REQUESTED, ReviewState.APPROVED):
        words = [word for word in last.values() if word.state is state]
        if words:
            deciding = max(words, key=lambda word: word.at)
            return Standing(state=state.value, trigger=Trigger(key=deciding.key, at=deciding.at))
    return Standing()


def is_reviewed(wanted: ReviewState, standing: Standing) -> bool:
    return wanted is ReviewState.ANY or wanted.value == standing.state


def later(one: Trigger, other: Trigger) -> Trigger:
    """The one that came last; one with a time before one without."""
    return max((one, other), key=lambda trigger: trigger.at or _LONG_AGO)
