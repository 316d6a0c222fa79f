"""Items as a listing shows them, cut down to what filters and sightings need: a repository has many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from itertools import islice
from sys import intern
from typing import Any

from kelos.api.work_item import Sighting
from kelos.errors import RemoteError

SETTLED_AFTER = timedelta(seconds=60)
"""GitHub's parts learn of a change one after the other: what is so young is looked at once more."""
UNSETTLED = "~"
LONGEST_TIME, LONGEST_NAME, MOST_NAMES, LARGEST_NUMBER = 40, 255, 100, 2**63
"""More than GitHub allows itself: a server that only says it is GitHub fills no memory with one item."""
RECORD_BYTES, NAME_BYTES = 450, 16
"""Names are shared between items, so that each is counted for little."""


class Kind(str, Enum):
    """Which of GitHub's two listings: that of issues shows pull requests as well, but not their commits."""

    ISSUES = "issues"
    PULLS = "pulls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One issue or pull request. Times are as GitHub writes them: they sort as text."""

    number: int
    created_at: str
    updated_at: str
    is_open: bool = True
    is_pull: bool = False
    is_draft: bool = False
    author: str = ""
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()


def read_record(item: dict[str, Any], kind: Kind) -> Record:
    """An element of a listing, or one item by itself. Raises RemoteError when it is neither."""
    number = item.get("number")
    if type(number) is not int or not 0 <= number < LARGEST_NUMBER:
        raise RemoteError("GitHub listed something without a number; see whether a proxy changes its answers")
    return Record(
        number=number,
        created_at=str(item.get("created_at") or "")[:LONGEST_TIME],
        updated_at=str(item.get("updated_at") or "")[:LONGEST_TIME],
        is_open=item.get("state") == "open",
        is_pull=kind is Kind.PULLS or item.get("pull_request") is not None,
        is_draft=bool(item.get("draft")),
        author=intern(login_of(item)[:LONGEST_NAME]),
        labels=tuple(intern(name[:LONGEST_NAME]) for name in islice(_label_names(item), MOST_NAMES)),
        assignees=tuple(
            intern(str(one.get("login") or "")[:LONGEST_NAME]) for one in objects(item.get("assignees"))[:MOST_NAMES]
        ),
    )


def size_of(record: Record) -> int:
    """About how many bytes it takes among others."""
    names = (record.author, *record.labels, *record.assignees)
    return RECORD_BYTES + sum(NAME_BYTES + 2 * len(name) for name in names)


def login_of(item: dict[str, Any]) -> str:
    """Who wrote it; empty when the account is gone."""
    user = item.get("user")
    return str(user.get("login") or "") if isinstance(user, dict) else ""


def _label_names(item: dict[str, Any]) -> Iterable[str]:
    found = item.get("labels")
    for label in found if isinstance(found, list) else ():
        name = label.get("name") if isinstance(label, dict) else label
        if isinstance(name, str) and name:
            yield name


def objects(found: Any) -> list[dict[str, Any]]:
    """Those of a list that are objects; nothing when it is no list."""
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def in_order(records: Iterable[Record], kind: Kind) -> tuple[Record, ...]:
    """Issues: the newest first. Pull requests: what changed last first."""

    def rank(record: Record) -> tuple[str, int]:
        return (record.created_at if kind is Kind.ISSUES else record.updated_at, record.number)

    return tuple(sorted(records, key=rank, reverse=True))


def sightings_of(records: Iterable[Record], at: datetime) -> tuple[Sighting, ...]:
    """As they are at a moment of GitHub's clock: young changes get another revision when they have settled."""
    young = written(at - SETTLED_AFTER)
    return tuple(
        Sighting(
            key=str(record.number),
            revision=f"{record.updated_at}{UNSETTLED}" if record.updated_at > young else record.updated_at,
            labels=record.labels,
        )
        for record in records
    )


def is_settled(sightings: Iterable[Sighting]) -> bool:
    """Whether time alone gives none of them another revision."""
    return not any(sighting.revision.endswith(UNSETTLED) for sighting in sightings)


def moment(text: Any) -> datetime | None:
    """A time as GitHub writes it."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=timezone.utc)


def written(at: datetime) -> str:
    """A time as GitHub takes it."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def floor(at: datetime, step: timedelta) -> datetime:
    """The last multiple of the step, counted from the epoch."""
    seconds = step.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, timezone.utc)
