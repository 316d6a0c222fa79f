"""What sources find: an item first as a listing shows it, then with everything a Task can be made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

VARIABLES = (
    "ID",
    "Number",
    "Title",
    "Body",
    "URL",
    "Labels",
    "Comments",
    "Kind",
    "Branch",
    "ReviewState",
    "ReviewComments",
    "Time",
    "Schedule",
)
"""What templates may name of an item that was polled or is a tick: all of them are always there, perhaps empty."""


class OriginKind(str, Enum):
    """What an item is where it comes from; the words of annotation `kelos.dev/source-kind`."""

    ISSUE = "issue"
    PULL_REQUEST = "pull-request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One item as a listing shows it: enough to see whether it could become a Task.

    `key` names it within its source. `revision` is another one whenever anything about the item may have changed.
    """

    key: str
    revision: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What asked for a Task. Without a key the item itself did; `at` is None where the source gives no time."""

    key: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where reports about an item go. `repository` is owner/repo of the GitHub whose API is at `api_url`."""

    kind: OriginKind
    api_url: str
    repository: str
    number: int
    sha: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """An item that qualifies. `variables` are what templates may name; all text in them is hostile."""

    key: str
    revision: str = ""
    labels: tuple[str, ...] = ()
    trigger: Trigger = field(default_factory=Trigger)
    variables: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin | None = None
