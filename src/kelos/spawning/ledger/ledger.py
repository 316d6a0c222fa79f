"""What was handled, beyond the life of any Task: a head that is rewritten, and segments that never change.

    head (one ConfigMap) ── claims: Tasks about to be made
       │                 ── entries: the newest word on an item wins
       └─ segments ──▶ older entries, in ConfigMaps that nobody writes twice; the head lists them, oldest first

Whoever writes the head names the version he read, so of two writers one must read again. What the head does not list
does not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kelos.api.kinds import CONFIG_MAP, TASK_SPAWNER, Manifest
from kelos.api.names import LABEL_MANAGED_BY, LABEL_SPAWNER, LABEL_SPAWNER_UID, MANAGER, shorten
from kelos.errors import UserError
from kelos.spawning.ledger.entry import Claim, Entry, decode_claim, decode_entry, key_of

LAYOUT = 1
STATE, CLAIMS, ENTRIES = "state", "claims", "entries"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The TaskSpawner that a ledger belongs to."""

    namespace: str
    name: str
    uid: str

    @property
    def head_name(self) -> str:
        """Of its own for each uid: a TaskSpawner that is made anew begins anew."""
        return f"kelos-ledger-{shorten(self.name, 200)}-{self.uid[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRef:
    """One segment as the head lists it."""

    name: str
    entries: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The part that is read anew for each pass. `version` is the resourceVersion it was read at.

    `created` counts every Task that was ever claimed and not given back; `watermark` is the last tick of a schedule
    that was handled; `live` the number of items at the last great tidying; `dropped` names segments to delete.
    """

    version: str
    sequence: int = 0
    created: int = 0
    watermark: str = ""
    live: int = 0
    segments: tuple[SegmentRef, ...] = ()
    dropped: tuple[str, ...] = ()
    claims: Mapping[str, Claim] = field(default_factory=dict)
    entries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Head and segments together. `older` holds the lines of each segment by item, in the head's order."""

    owner: Owner
    head: Head
    older: tuple[Mapping[str, str], ...] = ()

    def find(self, key: str) -> Entry | None:
        """The last Task that was made for an item."""
        line = self.head.entries.get(key)
        if line is not None:
            return decode_entry(line)
        for segment in reversed(self.older):
            if (line := segment.get(key)) is not None:
                return decode_entry(line)
        return None

    def is_handled(self, key: str) -> bool:
        """Whether some Task was made for the item, or it lies before the watermark."""
        return key in self.head.entries or any(key in segment for segment in self.older)

    def lines(self) -> Iterator[tuple[str, str]]:
        """The newest line on every item, oldest first."""
        newest: dict[str, str] = {}
        for segment in (*self.older, self.head.entries):
            for key, line in segment.items():
                newest.pop(key, None)
                newest[key] = line
        yield from newest.items()

    @property
    def size(self) -> int:
        """At most so many items are known."""
        return len(self.head.entries) + sum(len(segment) for segment in self.older)


def parse_head(manifest: Manifest) -> Head:
    """Raises UserError when somebody changed it into something else."""
    meta, data = manifest["metadata"], manifest.get("data") or {}
    try:
        state = json.loads(data[STATE])
        if state["layout"] != LAYOUT:
            raise ValueError(f"its layout is {state['layout']}")
        return Head(
            version=meta["resourceVersion"],
            sequence=state["sequence"],
            created=state["created"],
            watermark=state["watermark"],
            live=state["live"],
            segments=tuple(SegmentRef(name=n, entries=e, size_bytes=s) for n, e, s in state["segments"]),
            dropped=tuple(state["dropped"]),
            claims={claim.key: claim for line in _lines(data.get(CLAIMS, "")) if (claim := decode_claim(line))},
            entries=_by_key(data.get(ENTRIES, "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(meta["name"], str(error)) from None


def parse_segment(manifest: Manifest) -> Mapping[str, str]:
    """Raises UserError when it makes no sense."""
    try:
        return _by_key((manifest.get("data") or {})[ENTRIES])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(manifest["metadata"]["name"], str(error)) from None


def damaged(name: str, why: str) -> UserError:
    """Without its ledger a TaskSpawner would do everything again, so it rests."""
    return UserError(
        f"ConfigMap '{name}' says what was handled already and cannot be read ({why[:200]}); restore it, or delete the "
        "ConfigMap that is called kelos-ledger and the TaskSpawner's name to go on with what Tasks there are now"
    )


def new_object(owner: Owner, name: str, data: Mapping[str, str], *, immutable: bool = False) -> Manifest:
    """A ConfigMap of the ledger; it goes with its TaskSpawner."""
    manifest: Manifest = {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.kind,
        "metadata": {
            "name": name,
            "namespace": owner.namespace,
            "labels": {
                LABEL_MANAGED_BY: MANAGER,
                LABEL_SPAWNER: shorten(owner.name),
                LABEL_SPAWNER_UID: owner.uid,
            },
            "ownerReferences": [
                {
                    "apiVersion": TASK_SPAWNER.api_version,
                    "kind": TASK_SPAWNER.kind,
                    "name": owner.name,
                    "uid": owner.uid,
                    "controller": True,
                }
            ],
        },
        "data": dict(data),
    }
    return {**manifest, "immutable": True} if immutable else manifest


def _by_key(text: str) -> dict[str, str]:
    return {key_of(line): line for line in _lines(text)}


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]
