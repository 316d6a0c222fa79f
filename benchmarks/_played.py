"""A played node: agents take half a second and succeed, with an outcome document as our runner writes it."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timezone
from typing import Any

from kelos.api import names
from kelos.api.kinds import POD, Manifest
from kelos.api.outcome import GitFacts, Outcome, Usage
from kelos.cluster.protocol import Cluster
from kelos.cluster.watch import Cache
from kelos.outputs.document import encode_document

AT_ONCE = 8
"""Requests in flight, like those of a few kubelets."""
AGENT_SECONDS = 0.5
"""Long enough for the controller to see the agent run, as it would with a real one."""
OUTCOME = Outcome(
    reason=None,
    message="The agent succeeded",
    exit_code=0,
    git=GitFacts(branch="main", commit="0" * 40, base_branch="main"),
    usage=Usage(input_tokens=1200, output_tokens=300),
    response="I changed three files and ran the tests; all of them pass.",
)


class PlayedNode:
    """Starts the pod of every Task at once; its agent takes half a second, or runs until it is released."""

    def __init__(self, cluster: Cluster, pods: Cache) -> None:
        self.ended: dict[str, float] = {}
        """When the agent of each Job ended, by the Job's name."""
        self._cluster = cluster
        self._may_end = asyncio.Event()
        self._may_end.set()
        self._requests = asyncio.Semaphore(AT_ONCE)
        self._waiting: asyncio.Queue[Manifest] = asyncio.Queue()
        pods.subscribe(self._on_change)

    def hold(self) -> None:
        """Agents that start from now on run until `release`."""
        self._may_end.clear()

    def release(self) -> None:
        self._may_end.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._play(await self._waiting.get()))

    def _on_change(self, old: Manifest | None, new: Manifest | None) -> None:
        if old is None and new is not None and names.LABEL_TASK_UID in new["metadata"].get("labels", {}):
            self._waiting.put_nowait(new)

    async def _play(self, pod: Manifest) -> None:
        started_at = _now()
        async with self._requests:
            await self._set_status(pod, "Running", {"running": {"startedAt": started_at}})
        await asyncio.sleep(AGENT_SECONDS)
        await self._may_end.wait()
        over: dict[str, Any] = {"exitCode": 0, "reason": "Completed", "startedAt": started_at, "finishedAt": _now()}
        over["message"] = encode_document(OUTCOME).decode()
        async with self._requests:
            self.ended[pod["metadata"]["labels"]["job-name"]] = time.time()
            await self._set_status(pod, "Succeeded", {"terminated": over})

    async def _set_status(self, pod: Manifest, phase: str, state: dict[str, Any]) -> None:
        container = pod["spec"]["containers"][0]
        is_running = "running" in state
        status = {
            "phase": phase,
            "startTime": _now(),
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": "",
                    "ready": is_running,
                    "started": is_running,
                    "restartCount": 0,
                    "state": state,
                }
            ],
        }
        meta = pod["metadata"]
        await self._cluster.patch(POD, meta["namespace"], meta["name"], {"status": status}, subresource="status")


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
