"""What Kubernetes complains about, read once for all who ask: a thousand slow starts must not be a thousand lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from kelos.api.kinds import EVENT, Manifest
from kelos.cluster.protocol import Cluster
from kelos.controllers.reading import list_all
from kelos.tasks.evidence.facts import Complaint, read_complaint

FRESH_SECONDS = 5.0
KEPT = 10


@dataclass(slots=True)
class _Reading:
    """The newest warnings by the uid of what they are about, as of one moment."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    read_at: float = float("-inf")
    by_uid: Mapping[str, tuple[Complaint, ...]] = field(default_factory=dict)


class Warnings:
    """The newest warnings of each namespace, at most a few seconds old."""

    def __init__(self, cluster: Cluster, monotonic: Callable[[], float]) -> None:
        self._cluster = cluster
        self._monotonic = monotonic
        self._readings: dict[str, _Reading] = {}

    async def about(self, namespace: str, uid: str) -> tuple[Complaint, ...]:
        """The warnings about that object, newest first."""
        reading = self._readings.setdefault(namespace, _Reading())
        async with reading.lock:
            if self._monotonic() - reading.read_at >= FRESH_SECONDS:
                events = await list_all(self._cluster, EVENT, namespace, fields="type=Warning")
                reading.by_uid = _by_uid(events)
                reading.read_at = self._monotonic()
        return reading.by_uid.get(uid, ())


def _by_uid(events: Iterable[Manifest]) -> dict[str, tuple[Complaint, ...]]:
    found: dict[str, tuple[Complaint, ...]] = {}
    for event in sorted(events, key=_time, reverse=True):
        uid = str((event.get("involvedObject") or {}).get("uid") or "")
        if len(known := found.get(uid, ())) < KEPT:
            found[uid] = (*known, read_complaint(event))
    return found


def _time(event: Manifest) -> str:
    """When it was last seen; a series of the newer API says so itself."""
    seen = (event.get("series") or {}).get("lastObservedTime")
    return str(event.get("lastTimestamp") or seen or event.get("eventTime") or "")
