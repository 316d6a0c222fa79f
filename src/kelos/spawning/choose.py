"""Which items to read closely, and which of those become Tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kelos.api.github_sources import GitHubIssues, GitHubPullRequests
from kelos.api.work_item import Sighting, Trigger, WorkItem
from kelos.errors import UserError
from kelos.spawning.ledger.entry import Claim, Entry
from kelos.spawning.rerun import hears_again, is_asked_again, retry_at
from kelos.spawning.room import is_full, room_of
from kelos.spawning.view import Chosen, SpawnerView, Wanted, Why

MOST_READS = 40
"""Items read in one pass; those behind them are read in the next one, which follows at once."""

NameOf = Callable[[WorkItem, bool, int], str]
"""The Task's name for an item: whether it is the item's first Task, and the number of the attempt. Raises UserError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What became of the items that were read. `problems` says why an item cannot be a Task.

    `fruitless` had no reason for a Task, `declined` none for another try, `crowded` a Task's name that another item has
    now.
    """

    chosen: tuple[Chosen, ...] = ()
    released: tuple[str, ...] = ()
    fruitless: tuple[str, ...] = ()
    declined: tuple[str, ...] = ()
    crowded: tuple[str, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)


def to_read(view: SpawnerView) -> tuple[Wanted, ...]:
    """Items that may become Tasks, the most urgent first. Nothing new is read when there is no room for it."""
    if view.spawner.spec.suspend or view.discovery.sightings is None:
        return ()
    claimed = tuple(_interrupted(view))
    if not room_of(view) or is_full(view):
        return claimed
    return (*claimed, *sorted(_candidates(view), key=lambda wanted: _rank(view, wanted.sighting)))


def choose(view: SpawnerView, wanted: Sequence[Wanted], read: Mapping[str, WorkItem | None], name_of: NameOf) -> Choice:
    """Of the items that were read: those with a reason and a place, in the order of `wanted`."""
    left = room_of(view)
    chosen: list[Chosen] = []
    fruitless, declined, crowded, released = list[str](), list[str](), list[str](), list[str]()
    problems: dict[str, str] = {}
    taken = set(view.by_name) | {claim.name for claim in view.ledger.head.claims.values()}
    for each in wanted:
        key, own = each.sighting.key, each.claim
        if key not in read or (not left and own is None):
            continue
        try:
            found = _chosen(each, read[key], name_of)
        except UserError as error:
            problems[key] = str(error)
            continue
        if found is None:
            (declined if each.why is Why.FAILED else fruitless).append(key)
            released += [key] if own is not None else []
        elif found.claim.name in taken and (own is None or own.name != found.claim.name):
            crowded.append(key)
        else:
            chosen.append(found)
            taken.add(found.claim.name)
            left -= own is None
    return Choice(
        chosen=tuple(chosen),
        released=tuple(released),
        fruitless=tuple(fruitless),
        declined=tuple(declined),
        crowded=tuple(crowded),
        problems=problems,
    )


def _interrupted(view: SpawnerView) -> Iterator[Wanted]:
    """Claims without a Task: whoever made them did not come to it."""
    sightings = {sighting.key: sighting for sighting in view.discovery.sightings or ()}
    for key, claim in view.ledger.head.claims.items():
        if claim.name in view.absent and key in sightings and not _is_in_trouble(view, key):
            yield Wanted(sighting=sightings[key], why=Why.CLAIMED, claim=claim, entry=view.ledger.find(key))


def _candidates(view: SpawnerView) -> Iterator[Wanted]:
    spec, ledger = view.spawner.spec, view.ledger
    hears, is_scheduled = hears_again(spec), spec.when.cron is not None
    may_come_again = hears or spec.retry_policy.max_retries > 0
    for sighting in view.discovery.sightings or ():
        key = sighting.key
        if key in ledger.head.claims or _is_in_trouble(view, key):
            continue
        if not may_come_again and ledger.is_handled(key):
            continue
        entry = ledger.find(key)
        if entry is None:
            is_over = is_scheduled and key <= ledger.head.watermark
            if not is_over and not view.is_settled(sighting, None):
                yield Wanted(sighting=sighting, why=Why.NEW)
            continue
        last = view.newest.get(key)
        if last is not None and not last.is_finished:
            continue
        again_at = retry_at(entry, spec)
        if again_at is not None and again_at <= view.now:
            yield Wanted(sighting=sighting, why=Why.FAILED, entry=entry)
        elif hears and not view.is_settled(sighting, entry):
            yield Wanted(sighting=sighting, why=Why.ASKED_AGAIN, entry=entry)


def _is_in_trouble(view: SpawnerView, key: str) -> bool:
    trouble = view.troubles.get(key)
    return trouble is not None and trouble.until > view.now


def _rank(view: SpawnerView, sighting: Sighting) -> int:
    source = view.spawner.spec.when.source
    wished = source.priority_labels if isinstance(source, GitHubIssues | GitHubPullRequests) else ()
    return next((rank for rank, label in enumerate(wished) if label in sighting.labels), len(wished))


def _chosen(wanted: Wanted, item: WorkItem | None, name_of: NameOf) -> Chosen | None:
    """The claim for it, the one that there is if it still fits; None when there is no reason for a Task."""
    if item is None:
        return None
    entry, claim = wanted.entry, wanted.claim
    if claim is not None and claim.trigger.key == item.trigger.key:
        return Chosen(claim=claim, item=item, is_new=False)
    if entry is None or is_asked_again(entry, item.trigger):
        return _new(item, entry, item.trigger, 0, name_of)
    if wanted.why is Why.FAILED or (claim is not None and claim.attempt):
        return _new(item, entry, entry.trigger, entry.attempt + 1, name_of)
    return None


def _new(item: WorkItem, entry: Entry | None, trigger: Trigger, attempt: int, name_of: NameOf) -> Chosen:
    """The revision is that of what was read, which may be older than what was listed."""
    item = replace(item, trigger=trigger)
    name = name_of(item, entry is None, attempt)
    claim = Claim(key=item.key, name=name, trigger=trigger, attempt=attempt, revision=item.revision)
    return Chosen(claim=claim, item=item)
