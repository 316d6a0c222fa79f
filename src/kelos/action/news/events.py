"""What the step can be told, by its threads and by the runner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kelos.api.kinds import Manifest
from kelos.errors import KelosError


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The Task exists; `is_new` is False when an equal one of ours was found."""

    task: Manifest
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The Task as it is now."""

    task: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanished:
    """The Task is gone, or its name belongs to another one. `task` is what was last known."""

    task: Manifest
    is_replaced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A thread gave up: the cluster refused, or was away for too long; `is_unsure` when a create may have counted."""

    error: KelosError
    is_unsure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    container: str
    text: str
    pod: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsOver:
    """No more log lines come; `warning` says why when that is too early."""

    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signalled:
    number: int


Event = Created | Seen | Vanished | Broken | Signalled | LogLine | LogsOver | Warned
Post = Callable[[Event], None]
