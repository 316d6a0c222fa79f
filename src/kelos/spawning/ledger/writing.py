"""How a ledger changes: what to write so that it says more, and stays small however much it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from kelos.api.kinds import CONFIG_MAP, Manifest
from kelos.plan import Create, Delete, Patch, Step
from kelos.spawning.ledger.entry import Claim, Entry, encode_claim, encode_entry
from kelos.spawning.ledger.ledger import CLAIMS, ENTRIES, LAYOUT, STATE, Head, Ledger, Owner, SegmentRef, new_object

HEAD_BYTES = 32_000
"""More entries than that become a segment."""
SEGMENT_BYTES = 400_000
"""What a segment may hold; an object of the cluster may have a megabyte and a half."""
MOST_ITEMS = 100_000
KEPT_SHARE = 0.9
SLACK = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a pass has to say. `claims` are new or replace one of their item; `released` never became Tasks.

    `entries` are last words on items; a claim of such an item is fulfilled by it. `watermark` only ever rises;
    `begins_anew_at` replaces one that makes no sense, or lies behind a tick that is to come again.
    """

    claims: tuple[Claim, ...] = ()
    released: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    watermark: str = ""
    begins_anew_at: str = ""

    def __bool__(self) -> bool:
        return bool(self.claims or self.released or self.entries or self.watermark or self.begins_anew_at)


def first_head(owner: Owner, entries: Iterable[Entry] = (), *, created: int = 0, watermark: str = "") -> Create:
    """A ledger for a TaskSpawner that has none: it begins with the Tasks that there are."""
    lines = {entry.key: encode_entry(entry) for entry in entries}
    data = _data(Head(version="", created=max(created, len(lines)), watermark=watermark, entries=lines))
    return Create(kind=CONFIG_MAP, manifest=new_object(owner, owner.head_name, data))


def record(
    ledger: Ledger, changes: Changes, *, may_forget: Callable[[str], bool] = lambda _: False
) -> tuple[Step, ...]:
    """The steps that make the ledger say so. The one write that counts is that of the head, as it was read.

    What the head no longer lists is deleted a write later, so that a crash leaves nothing behind. Only when there are
    too many items, those that `may_forget` allows are forgotten, oldest first.
    """
    head = _changed(ledger, changes)
    made: tuple[Step, ...] = ()
    if sum(map(len, head.entries.values())) > HEAD_BYTES:
        head, made = _sealed(ledger, head, may_forget)
    body = {"metadata": {"resourceVersion": ledger.head.version}, "data": _data(head)}
    owner = ledger.owner
    write = Patch(kind=CONFIG_MAP, namespace=owner.namespace, name=owner.head_name, body=body)
    gone = (Delete(kind=CONFIG_MAP, namespace=owner.namespace, name=name, uid="") for name in ledger.head.dropped)
    return (*gone, *made, write)


def _changed(ledger: Ledger, changes: Changes) -> Head:
    head = ledger.head
    claims, entries, created = dict(head.claims), dict(head.entries), head.created
    for key in changes.released:
        created -= claims.pop(key, None) is not None
    for claim in changes.claims:
        created += claim.key not in claims
        claims[claim.key] = claim
    for entry in changes.entries:
        was_claimed = claims.pop(entry.key, None) is not None
        created += not was_claimed and not ledger.is_handled(entry.key)
        entries.pop(entry.key, None)
        entries[entry.key] = encode_entry(entry)
    watermark = changes.begins_anew_at or max(head.watermark, changes.watermark)
    return replace(head, claims=claims, entries=entries, created=created, watermark=watermark, dropped=())


def _sealed(ledger: Ledger, head: Head, may_forget: Callable[[str], bool]) -> tuple[Head, tuple[Step, ...]]:
    """The entries of the head become a segment, together with smaller ones before it, as long as it is not too large.

    Like a counter that carries: each entry is written again only a few times, however many there are.
    """
    known = ledger.size
    if known > ledger.head.live * 3 // 2 + SLACK or known > MOST_ITEMS:
        return _rewritten(ledger, head, may_forget)
    lines, kept = dict(head.entries), list(head.segments)
    older = list(ledger.older)
    while kept and kept[-1].size_bytes <= _size(lines) and kept[-1].size_bytes + _size(lines) <= SEGMENT_BYTES:
        kept.pop()
        lines = {**older.pop(), **lines}
    return _with_segments(ledger.owner, head, tuple(kept), [lines])


def _rewritten(ledger: Ledger, head: Head, may_forget: Callable[[str], bool]) -> tuple[Head, tuple[Step, ...]]:
    """Everything anew, without what newer entries made worthless."""
    lines = dict(replace(ledger, head=head).lines())
    if len(lines) > MOST_ITEMS:
        surplus = len(lines) - int(MOST_ITEMS * KEPT_SHARE)
        for key in [key for key in lines if may_forget(key)][:surplus]:
            del lines[key]
    pieces: list[dict[str, str]] = [{}]
    size = 0
    for key, line in lines.items():
        size += _length(line)
        if size > SEGMENT_BYTES and pieces[-1]:
            pieces.append({})
            size = _length(line)
        pieces[-1][key] = line
    return _with_segments(ledger.owner, replace(head, live=len(lines)), (), pieces)


def _with_segments(
    owner: Owner, head: Head, kept: tuple[SegmentRef, ...], pieces: list[dict[str, str]]
) -> tuple[Head, tuple[Step, ...]]:
    sequence = head.sequence + 1
    steps: list[Step] = []
    refs = list(kept)
    for piece in pieces:
        text = _text(piece)
        digest = sha256(text.encode()).hexdigest()[:12]
        name = f"{owner.head_name}-{sequence}-{len(refs)}-{digest}"
        steps.append(Create(kind=CONFIG_MAP, manifest=new_object(owner, name, {ENTRIES: text}, immutable=True)))
        refs.append(SegmentRef(name=name, entries=len(piece), size_bytes=_size(piece)))
    listed = {ref.name for ref in refs}
    dropped = tuple(ref.name for ref in head.segments if ref.name not in listed)
    return replace(head, sequence=sequence, segments=tuple(refs), dropped=dropped, entries={}), tuple(steps)


def _data(head: Head) -> Manifest:
    state = {
        "layout": LAYOUT,
        "sequence": head.sequence,
        "created": head.created,
        "watermark": head.watermark,
        "live": head.live,
        "segments": [[ref.name, ref.entries, ref.size_bytes] for ref in head.segments],
        "dropped": list(head.dropped),
    }
    return {
        STATE: json.dumps(state, separators=(",", ":")),
        CLAIMS: "".join(f"{encode_claim(claim)}\n" for claim in head.claims.values()),
        ENTRIES: _text(head.entries),
    }


def _text(lines: Mapping[str, str]) -> str:
    return "".join(f"{line}\n" for line in lines.values())


def _size(lines: Mapping[str, str]) -> int:
    return sum(map(_length, lines.values()))


def _length(line: str) -> int:
    return len(line.encode()) + 1
