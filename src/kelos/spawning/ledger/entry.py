"""What the ledger says of one item, as a line of text: JSON lists, whose empty ends are left out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from hashlib import sha256
from json import JSONDecoder
from typing import Any

from kelos.api.work_item import Trigger

_DECODER = JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A Task that is about to be made: of this name, for this trigger, the `attempt`-th time after a failure."""

    key: str
    name: str
    trigger: Trigger = field(default_factory=Trigger)
    attempt: int = 0
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The last Task that was made for an item. `mark` stands for the Task's uid.

    `failed_at` is when it failed, as far as that matters: when it may be tried again.
    """

    key: str
    mark: str
    trigger: Trigger = field(default_factory=Trigger)
    attempt: int = 0
    revision: str = ""
    failed_at: datetime | None = None


def mark_of(uid: str) -> str:
    """Enough of a uid to tell one Task of an item from another."""
    return sha256(uid.encode()).hexdigest()[:12]


def made(claim: Claim, uid: str) -> Entry:
    """What a claim becomes once its Task exists."""
    return Entry(
        key=claim.key, mark=mark_of(uid), trigger=claim.trigger, attempt=claim.attempt, revision=claim.revision
    )


def encode_claim(claim: Claim) -> str:
    trigger = claim.trigger
    return _line(claim.key, claim.name, trigger.key, _moment(trigger.at), claim.attempt, claim.revision)


def decode_claim(line: str) -> Claim:
    key, name, trigger, at, attempt, revision = _fields(line, ("", "", "", "", 0, ""))
    return Claim(key=key, name=name, trigger=Trigger(key=trigger, at=_parse(at)), attempt=attempt, revision=revision)


def encode_entry(entry: Entry) -> str:
    trigger, failed_at = entry.trigger, _moment(entry.failed_at)
    return _line(entry.key, entry.mark, entry.revision, trigger.key, _moment(trigger.at), entry.attempt, failed_at)


def decode_entry(line: str) -> Entry:
    key, mark, revision, trigger, at, attempt, failed_at = _fields(line, ("", "", "", "", "", 0, ""))
    return Entry(
        key=key,
        mark=mark,
        revision=revision,
        trigger=Trigger(key=trigger, at=_parse(at)),
        attempt=attempt,
        failed_at=_parse(failed_at),
    )


def key_of(line: str) -> str:
    """The item's key alone: most lines are never read further."""
    return str(_DECODER.raw_decode(line, 1)[0])


def _line(*fields: str | int) -> str:
    kept = list(fields)
    while len(kept) > 1 and not kept[-1]:
        kept.pop()
    return json.dumps(kept, separators=(",", ":"))


def _fields(line: str, empty: tuple[str | int, ...]) -> list[Any]:
    """All fields of a line; raises ValueError when it is none of ours."""
    found = json.loads(line)
    if not isinstance(found, list) or not found or len(found) > len(empty):
        raise ValueError(f"not a line of a ledger: {line[:80]}")
    fields = [*found, *empty[len(found) :]]
    if any(type(value) is not type(usual) for value, usual in zip(fields, empty, strict=True)):
        raise ValueError(f"not a line of a ledger: {line[:80]}")
    return fields


def _moment(at: datetime | None) -> str:
    return at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z") if at is not None else ""


def _parse(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
