"""When each step of a pod happened: events of watches as they arrive, containers and lines by the runtime's clock.

The times of Kubernetes objects are whole seconds, and the kubelet looks for changes of containers once a second: of
what happens inside a pod only the runtime knows better.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from _manifests import NAMESPACE
from _sightings import Sightings

from kelos.api.kinds import Manifest
from kelos.cluster.client import HttpCluster

STEPS = (
    "Job",
    "pod",
    "scheduled",
    "sandbox started",
    "preparing container started",
    "preparing container ended",
    "agent container started",
    "first line",
    "agent container ended",
    "end of the pod seen",
    "end seen",
)
"""In the order in which they happen; a pod without a preparing container lacks two."""


@dataclass(slots=True)
class Runtime:
    """Containers by id: when each one started and ended."""

    started: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)

    def note(self, line: str) -> None:
        """One event: date, time, offset, zone, namespace, topic, JSON."""
        day, clock, _, _, _, topic, body = line.split(" ", 6)
        if topic not in ("/tasks/start", "/tasks/exit"):
            return
        event, moment = json.loads(body), moment_of(f"{day}T{clock}+00:00")
        if topic == "/tasks/start":
            self.started[event["container_id"]] = moment
        elif event["id"] == event["container_id"]:
            self.ended[event["id"]] = moment


@asynccontextmanager
async def runtime_events(command: Sequence[str]) -> AsyncIterator[Runtime]:
    """Kept up to date inside the block."""
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    runtime, lines = Runtime(), child.stdout

    async def read() -> None:
        async for line in lines:
            runtime.note(line.decode())

    reading = asyncio.create_task(read())
    try:
        yield runtime
    finally:
        child.terminate()
        await child.wait()
        await reading


class PodSightings:
    """When a pod was first seen scheduled, and first seen over, by the name of its Job."""

    def __init__(self, seen: Sightings) -> None:
        self.scheduled: dict[str, float] = {}
        self.over: dict[str, float] = {}
        seen.pods.subscribe(self._on_pod)

    def _on_pod(self, old: Manifest | None, new: Manifest | None) -> None:
        if new is None:
            return
        job, now = new["metadata"]["labels"]["job-name"], time.time()
        if new["spec"].get("nodeName"):
            self.scheduled.setdefault(job, now)
        if (new.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            self.over.setdefault(job, now)


async def moments(
    name: str, posted: float, *, cluster: HttpCluster, seen: Sightings, pods: PodSightings, runtime: Runtime
) -> dict[str, float]:
    """Seconds since the POST at which each step of this one was over; nothing else ran in the meantime."""
    pod = next(p for p in seen.pods.list() if p["metadata"]["labels"].get("job-name") == name)
    (agent,), prepare = _ids(pod, "containerStatuses"), _ids(pod, "initContainerStatuses")
    others = [at for id, at in runtime.started.items() if at > posted and id not in (agent, *prepare)]
    found = {
        "Job": seen.job_made[name],
        "pod": seen.pod_made[name],
        "scheduled": pods.scheduled[name],
        "sandbox started": min(others),
        "agent container started": runtime.started[agent],
        "first line": await first_line_at(cluster, pod),
        "agent container ended": runtime.ended[agent],
        "end of the pod seen": pods.over[name],
        "end seen": seen.task_ended.get(name) or seen.job_complete[name],
    }
    if prepare:
        found["preparing container started"] = runtime.started[prepare[0]]
        found["preparing container ended"] = runtime.ended[prepare[0]]
    return {step: moment - posted for step, moment in found.items()}


async def first_line_at(cluster: HttpCluster, pod: Manifest) -> float:
    """The stamp that the runtime puts before the first line of the agent's log."""
    log = b""
    container = pod["spec"]["containers"][0]["name"]
    async for chunk in cluster.logs(NAMESPACE, pod["metadata"]["name"], container=container, timestamps=True):
        log += chunk
    return moment_of(log.decode().split(" ", 1)[0])


def moment_of(stamp: str) -> float:
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def _ids(pod: Manifest, kind: str) -> list[str]:
    return [status["containerID"].removeprefix("containerd://") for status in pod["status"].get(kind) or ()]
