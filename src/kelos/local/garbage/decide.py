"""What garbage collection does about one object. The order is the specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from kelos.local.garbage.graph import FOREGROUND, ORPHAN, Graph, Item


class Standing(Enum):
    """What became of an owner. UNKNOWN: its kind is not served, so nobody can say."""

    SOLID = "solid"
    WAITING = "waiting for its dependents to go"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete the object itself."""

    propagation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disown:
    """Take owner references off the object that leads nowhere; others still hold it."""

    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Take the object's finalizer off: nothing is left to wait for."""

    finalizer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFree:
    """Take the reference to this object off its dependents, then its own finalizer."""

    dependents: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Look at the dependents: they are to go first."""

    dependents: tuple[Item, ...]


Action = Delete | Disown | Release | SetFree | Visit | None


def decide(item: Item, graph: Graph, standings: Mapping[str, Standing]) -> Action:
    """`standings` says of each owner's uid what became of it."""
    if item.lets_dependents_go:
        return SetFree(dependents=tuple(graph.dependents(item.uid)))
    if item.waits_for_dependents:
        return _wait(item, graph)
    if item.is_deleting or not item.owners:
        return None
    return _owned(item, graph, standings)


def _wait(item: Item, graph: Graph) -> Action:
    """In the foreground, the owner goes after every dependent that blocks it."""
    dependents = tuple(graph.dependents(item.uid))
    if not any(_blocks(dependent, item.uid) for dependent in dependents):
        return Release(finalizer=FOREGROUND)
    return Visit(dependents=tuple(each for each in dependents if not each.is_deleting))


def _owned(item: Item, graph: Graph, standings: Mapping[str, Standing]) -> Action:
    """An object stays as long as one owner does."""
    found = [standings[owner.uid] for owner in item.owners]
    if Standing.UNKNOWN in found:
        return None
    if Standing.SOLID in found:
        gone = tuple(owner.uid for owner in item.owners if standings[owner.uid] is not Standing.SOLID)
        return Disown(owners=gone) if gone else None
    if Standing.WAITING in found and any(graph.dependents(item.uid)):
        return Delete(propagation="Foreground")
    if ORPHAN in item.finalizers:
        return Delete(propagation="Orphan")
    return Delete(propagation="Foreground" if FOREGROUND in item.finalizers else "Background")


def _blocks(dependent: Item, uid: str) -> bool:
    return any(owner.uid == uid and owner.blocks for owner in dependent.owners)
