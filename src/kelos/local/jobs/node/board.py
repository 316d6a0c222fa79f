"""The one place that knows the states of a pod's containers, and writes them to the pod's status."""

from __future__ import annotations

import asyncio
from datetime import datetime

from kelos.api.kinds import POD, Manifest
from kelos.cluster.protocol import Cluster
from kelos.errors import ClusterError, NotFound
from kelos.local.jobs.moments import Clock
from kelos.local.jobs.pod.conditions import with_news
from kelos.local.jobs.pod.states import Container, after_the_stop, first_states
from kelos.local.jobs.pod.status import Verdict, build_status

RETRY_SECONDS = 0.2


class Board:
    """States by container name; `show` writes the status when it differs from what was written last."""

    def __init__(self, cluster: Cluster, pod: Manifest, started_at: datetime, now: Clock) -> None:
        self.pod = pod
        self.containers: dict[str, Container] = {each.name: each for each in first_states(pod["spec"])}
        self.verdict: Verdict | None = None
        self._cluster = cluster
        self._started_at = started_at
        self._now = now
        self._is_over = False
        self._written: Manifest | None = None
        self._writing = asyncio.Lock()

    def take(self, pod: Manifest) -> None:
        """The pod as the server has it now; its status is ours, but for conditions that others add."""
        mine, theirs = self.pod.get("status") or {}, pod.get("status") or {}
        conditions = with_news(mine.get("conditions") or (), theirs.get("conditions") or ())
        self.pod = {**pod, "status": {**theirs, **mine, "conditions": conditions}}

    def set(self, container: Container) -> None:
        self.containers[container.name] = container

    async def put(self, container: Container) -> None:
        """Take a new state and show it."""
        self.set(container)
        await self.show()

    async def finish(self) -> None:
        """Nothing runs any more: write how it ended."""
        self._is_over = True
        for container in after_the_stop(tuple(self.containers.values())):
            self.set(container)
        await self.show()

    async def show(self) -> None:
        """Write the present states; changes that came while a write was under way go together in the next."""
        async with self._writing:
            status = build_status(
                self.pod,
                tuple(self.containers.values()),
                self._started_at,
                self._now(),
                verdict=self.verdict,
                is_over=self._is_over,
            )
            if status == self._written:
                return
            if await self._write(status):
                self._written = status
                self.pod = {**self.pod, "status": status}

    async def _write(self, status: Manifest) -> bool:
        """Until the server took it; False when the pod is gone, or another one has its name."""
        metadata = self.pod["metadata"]
        body = {"metadata": {"uid": metadata["uid"]}, "status": status}
        while True:
            try:
                await self._cluster.patch(POD, metadata["namespace"], metadata["name"], body, subresource="status")
                return True
            except NotFound:
                return False
            except ClusterError as error:
                if error.status in (400, 409, 422):
                    return False
                await asyncio.sleep(RETRY_SECONDS)
