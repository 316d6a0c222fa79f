"""Who owns whom, as far as the watches have told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kelos.api.kinds import Kind, Manifest

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One owner reference. `blocks` says that the owner, deleted in the foreground, waits for this dependent."""

    group: str
    kind: str
    name: str
    uid: str
    blocks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What garbage collection needs to know of an object."""

    kind: Kind
    namespace: str | None
    name: str
    uid: str
    owners: tuple[Owner, ...] = ()
    finalizers: tuple[str, ...] = ()
    is_deleting: bool = False

    @property
    def waits_for_dependents(self) -> bool:
        return self.is_deleting and FOREGROUND in self.finalizers

    @property
    def lets_dependents_go(self) -> bool:
        return self.is_deleting and ORPHAN in self.finalizers


def item_of(kind: Kind, manifest: Manifest) -> Item:
    metadata = manifest["metadata"]
    return Item(
        kind=kind,
        namespace=metadata.get("namespace"),
        name=metadata["name"],
        uid=metadata["uid"],
        owners=tuple(_owner(reference) for reference in metadata.get("ownerReferences") or ()),
        finalizers=tuple(metadata.get("finalizers") or ()),
        is_deleting=bool(metadata.get("deletionTimestamp")),
    )


class Graph:
    """Items by uid, and dependents by their owner's uid, whether that owner is known or not."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._dependents: dict[str, dict[str, None]] = {}

    def find(self, uid: str) -> Item | None:
        return self._items.get(uid)

    def put(self, item: Item) -> None:
        self.drop(item.uid)
        self._items[item.uid] = item
        for owner in item.owners:
            self._dependents.setdefault(owner.uid, {})[item.uid] = None

    def drop(self, uid: str) -> None:
        item = self._items.pop(uid, None)
        for owner in item.owners if item is not None else ():
            dependents = self._dependents[owner.uid]
            dependents.pop(uid, None)
            if not dependents:
                del self._dependents[owner.uid]

    def of(self, kind: Kind) -> Sequence[Item]:
        """All items of a kind, in whatever version."""
        return [item for item in self._items.values() if (item.kind.group, item.kind.kind) == (kind.group, kind.kind)]

    def dependents(self, uid: str) -> Iterator[Item]:
        return (self._items[each] for each in tuple(self._dependents.get(uid, ())))


def _owner(reference: Manifest) -> Owner:
    return Owner(
        group=str(reference.get("apiVersion", "")).rpartition("/")[0],
        kind=str(reference.get("kind", "")),
        name=str(reference.get("name", "")),
        uid=str(reference.get("uid", "")),
        blocks=bool(reference.get("blockOwnerDeletion")),
    )
