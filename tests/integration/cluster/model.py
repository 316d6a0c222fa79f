"""A tiny true API server in memory: one kind, resource versions, a history that can be compacted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from kelos.api.kinds import Kind, Manifest
from kelos.cluster.protocol import Change, ChangeType, Page
from kelos.errors import Gone


class Model:
    """The verbs `list` and `watch` of `Cluster`, and the writes of everybody else."""

    def __init__(self, page_size: int | None = None) -> None:
        self.objects: dict[tuple[str, str], Manifest] = {}
        self.version = 1
        self.compacted = 0
        self.page_size = page_size
        self._history: list[tuple[int, Change]] = []
        self._news = asyncio.Event()
        self._snapshots: dict[int, list[Manifest]] = {}

    def write(self, name: str, namespace: str = "ci", **spec: Any) -> Manifest:
        """Create or update."""
        old = self.objects.get((namespace, name))
        uid = old["metadata"]["uid"] if old else f"uid-{self.version}"
        self.version += 1
        metadata = {"namespace": namespace, "name": name, "uid": uid, "resourceVersion": str(self.version)}
        new = {"kind": "Task", "metadata": {**metadata, "managedFields": [{"manager": "somebody"}]}, "spec": spec}
        self.objects[namespace, name] = new
        self._tell(ChangeType.MODIFIED if old else ChangeType.ADDED, new)
        return new

    def remove(self, name: str, namespace: str = "ci") -> None:
        old = self.objects.pop((namespace, name))
        self.version += 1
        last = {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.version)}}
        self._tell(ChangeType.DELETED, last)

    def compact(self) -> None:
        """Forget the history: older versions are Gone."""
        self.compacted = self.version
        self._history.clear()

    def bookmark(self) -> None:
        self._tell(ChangeType.BOOKMARK, {"kind": "Task", "metadata": {"resourceVersion": str(self.version)}})

    async def list(
        self, kind: Kind, namespace: str | None, *, labels: str = "", fields: str = "", limit: int = 500, more: str = ""
    ) -> Page:
        """Pages of one snapshot: the token carries its version, and compaction makes it Gone."""
        start, version = (int(part) for part in more.split("@")) if more else (0, self.version)
        if version < self.compacted:
            raise Gone("The provided continue parameter is too old")
        everything = self._snapshots.setdefault(version, [self.objects[key] for key in sorted(self.objects)])
        size = self.page_size or limit
        rest = f"{start + size}@{version}" if start + size < len(everything) else ""
        return Page(items=tuple(everything[start : start + size]), resource_version=str(version), more=rest)

    async def watch(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        resource_version: str,
        labels: str = "",
        fields: str = "",
        timeout_seconds: int = 300,
    ) -> AsyncGenerator[Change]:
        seen = int(resource_version)
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while True:
            if seen < self.compacted:
                raise Gone("too old resource version")
            for version, change in [entry for entry in self._history if entry[0] > seen]:
                seen = version
                yield change
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                return

    def _tell(self, type_: ChangeType, object_: Manifest) -> None:
        self._history.append((self.version, Change(type=type_, object=object_)))
        self._news.set()
        self._news = asyncio.Event()
