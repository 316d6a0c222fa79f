"""Warnings are read once for all who ask."""

from __future__ import annotations

import pytest

import make
from kelos.api.kinds import EVENT, Kind
from kelos.controllers.warnings import Warnings
from kelos.tasks.evidence.facts import Complaint
from world import World

pytestmark = pytest.mark.anyio


class Counting:
    """The cluster, with its lists counted."""

    def __init__(self, cluster: object) -> None:
        self._cluster = cluster
        self.lists = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._cluster, name)

    async def list(self, kind: Kind, namespace: str | None, **options: object) -> object:
        self.lists += 1
        return await self._cluster.list(kind, namespace, **options)  # type: ignore[attr-defined]


def event(name: str, uid: str, message: str, at: str, type: str = "Warning") -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": make.NAMESPACE},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": make.NAMESPACE, "uid": uid},
        "type": type,
        "reason": "FailedMount",
        "message": message,
        "lastTimestamp": at,
    }


def said(found: tuple[Complaint, ...]) -> list[str]:
    return [complaint.message for complaint in found]


async def test_the_warnings_about_each_object_are_found_with_one_list_newest_first():
    """A thousand slow starts would otherwise be a thousand lists every few seconds."""
    async with World() as world:
        for number, (uid, message, at, type) in enumerate(
            [
                ("a", "old", "2026-02-07T09:00:00Z", "Warning"),
                ("a", "new\n  one", "2026-02-07T09:00:09Z", "Warning"),
                ("b", "about b", "2026-02-07T09:00:00Z", "Warning"),
                ("c", "all is well", "2026-02-07T09:00:00Z", "Normal"),
            ]
        ):
            await world.create(EVENT, event(f"e{number}", uid, message, at, type))
        cluster, time = Counting(world.cluster), [0.0]
        warnings = Warnings(cluster, lambda: time[0])  # type: ignore[arg-type]

        found = [said(await warnings.about(make.NAMESPACE, uid)) for uid in ("a", "b", "c")]

        assert ([["new one", "old"], ["about b"], []], 1) == (found, cluster.lists)


async def test_a_series_is_as_new_as_it_was_last_seen():
    """The scheduler writes events of the newer API: one object, seen again and again."""
    async with World() as world:
        series = {"count": 9, "lastObservedTime": "2026-02-07T09:09:00.000000Z"}
        scheduler = event("e1", "a", "no node", "")
        scheduler |= {"eventTime": "2026-02-07T09:00:00.000000Z", "series": series, "lastTimestamp": None}
        await world.create(EVENT, scheduler)
        await world.create(EVENT, event("e2", "a", "in between", "2026-02-07T09:05:00Z"))

        found = await Warnings(world.cluster, lambda: 0.0).about(make.NAMESPACE, "a")

        assert ["no node", "in between"] == said(found)


async def test_after_a_while_they_are_read_again():
    async with World() as world:
        cluster, time = Counting(world.cluster), [0.0]
        warnings = Warnings(cluster, lambda: time[0])  # type: ignore[arg-type]
        assert () == await warnings.about(make.NAMESPACE, "a")
        await world.create(EVENT, event("e", "a", "no such volume", "2026-02-07T09:00:00Z"))

        time[0] = 6.0

        assert ["no such volume"] == said(await warnings.about(make.NAMESPACE, "a"))
