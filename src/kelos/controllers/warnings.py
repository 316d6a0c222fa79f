"""What Kubernetes complains about, read once for all who ask: a thousand slow starts must not be a thousand lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kelos.api.kinds import EVENT, Manifest
from kelos.cluster.protocol import Cluster
from kelos.controllers.reading import list_all

FRESH_SECONDS = 5.0
LIMIT = 500


@dataclass(slots=True)
class _Reading:
    """The newest warning by the uid of what it is about, as of one moment."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    read_at: float = float("-inf")
    by_uid: Mapping[str, str] = field(default_factory=dict)


class Warnings:
    """The newest warnings of each namespace, at most a few seconds old."""

    def __init__(self, cluster: Cluster, monotonic: Callable[[], float]) -> None:
        self._cluster = cluster
        self._monotonic = monotonic
        self._readings: dict[str, _Reading] = {}

    async def newest(self, namespace: str, uid: str) -> str:
        """The newest warning about that object on one line; empty when there is none."""
        reading = self._readings.setdefault(namespace, _Reading())
        async with reading.lock:
            if self._monotonic() - reading.read_at >= FRESH_SECONDS:
                events = await list_all(self._cluster, EVENT, namespace, fields="type=Warning")
                reading.by_uid = {_about(event): _text(event) for event in sorted(events, key=_time)}
                reading.read_at = self._monotonic()
        return reading.by_uid.get(uid, "")


def _about(event: Manifest) -> str:
    return str((event.get("involvedObject") or {}).get("uid") or "")


def _text(event: Manifest) -> str:
    return " ".join(str(event.get("message") or "").split())[:LIMIT]


def _time(event: Manifest) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")
