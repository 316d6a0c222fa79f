"""Small readings that several observers share."""

from __future__ import annotations

from kelos.api.kinds import Kind, Manifest
from kelos.api.reasons import Phase
from kelos.cluster.protocol import Cluster
from kelos.errors import NotFound


async def find(cluster: Cluster, kind: Kind, namespace: str, name: str) -> Manifest | None:
    try:
        return await cluster.get(kind, namespace, name)
    except NotFound:
        return None


def phase_of(task: Manifest) -> Phase | None:
    """The phase as written, None for one we do not know."""
    try:
        return Phase((task.get("status") or {}).get("phase"))
    except ValueError:
        return None


def is_finished(task: Manifest) -> bool:
    phase = phase_of(task)
    return phase is not None and phase.is_terminal


async def list_all(
    cluster: Cluster, kind: Kind, namespace: str, *, labels: str = "", fields: str = ""
) -> list[Manifest]:
    """Every page of a list."""
    found: list[Manifest] = []
    more = ""
    while True:
        page = await cluster.list(kind, namespace, labels=labels, fields=fields, more=more)
        found += page.items
        if not (more := page.more):
            return found
