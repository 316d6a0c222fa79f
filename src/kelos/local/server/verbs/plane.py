"""What every verb works on: the objects, the served kinds, and the world's clock and chance."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone

from kelos.local.server.registry import Registry
from kelos.local.store import Store

# No vowels and nothing that looks like another letter, so that no generated name is a word.
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _new_uid() -> str:
    return str(uuid.uuid4())


def _new_suffix() -> str:
    return "".join(random.choices(_LETTERS, k=5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """A local cluster; clock, uids and name suffixes can be handed in."""

    store: Store
    registry: Registry
    now: Callable[[], datetime] = _now
    new_uid: Callable[[], str] = _new_uid
    new_suffix: Callable[[], str] = field(default=_new_suffix)
