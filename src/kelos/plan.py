"""What may be asked of the world: the closed list of steps a decision may return. `apply.py` does them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from kelos.api.kinds import Kind, Manifest


class EventType(str, Enum):
    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Make a child. Finding our own child (same controller uid) already there is success."""

    kind: Kind
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """Ask whether this object could be made, and make nothing. Being refused ends the plan as with Create."""

    kind: Kind
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Overwrite an object at the resourceVersion inside the manifest; a newer one is a Conflict."""

    kind: Kind
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Merge `body` into an object. A resourceVersion or uid inside the body is a precondition."""

    kind: Kind
    namespace: str | None
    name: str
    body: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove exactly this object (by uid), as it was at `resource_version` if given. Finding it gone is success."""

    kind: Kind
    namespace: str | None
    name: str
    uid: str
    resource_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStatus:
    """Merge `body` into the status of the object as it was at `resource_version`."""

    kind: Kind
    namespace: str | None
    name: str
    resource_version: str
    body: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class DropFinalizer:
    """Take one finalizer off an object, keeping all others. Finding it gone is success."""

    kind: Kind
    namespace: str | None
    name: str
    uid: str
    finalizer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mint:
    """Exchange a GitHub App's key for a token of one repository and keep it in a Secret of ours.

    `secret` is that Secret without the token: it is made, or brought up to date when it is ours already.
    `app_secret` names the Secret with the App's key; `repository` has no owner, as GitHub wants it.
    """

    secret: Manifest
    app_secret: str
    namespace: str
    api_url: str
    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddFinalizer:
    """Put one finalizer on an object, keeping all others; the pass ends when the object is gone or going."""

    kind: Kind
    namespace: str | None
    name: str
    uid: str
    finalizer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Write a TaskRecord. One of that name is the same one: its name is the Task's uid.

    In a namespace that is being deleted there is no room for it any more, and nobody to read it.
    """

    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """An Event on an object. A repeated one (same object, reason and message) is told once."""

    kind: Kind
    namespace: str
    name: str
    uid: str
    type: EventType
    reason: str
    message: str


Step = Try | Create | Replace | Patch | Delete | SetStatus | DropFinalizer | AddFinalizer | Mint | Record | Tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in order, and when to look again even if nothing changes."""

    steps: tuple[Step, ...] = ()
    again_in_seconds: float | None = None
