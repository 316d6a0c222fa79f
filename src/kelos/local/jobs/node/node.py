"""The node: takes pods in their turn, as many at once as it has slots, and sees each to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from kelos.api.kinds import NODE, POD, PVC, Manifest
from kelos.cluster.protocol import Cluster
from kelos.cluster.watch import Cache
from kelos.errors import AlreadyExists, ClusterError
from kelos.local.jobs.events import Recorder
from kelos.local.jobs.moments import Clock, utc_now
from kelos.local.jobs.node.line import FULL, Line, arrival_order
from kelos.local.jobs.node.lost import lost_status, never_scheduled_status
from kelos.local.jobs.node.surroundings import RunnerChoice, Surroundings
from kelos.local.jobs.node.worker import PodWorker, remove
from kelos.local.jobs.pod.conditions import Condition, with_transitions
from kelos.local.jobs.process.logs import PodLogs
from kelos.local.jobs.settings import NodeSettings
from kelos.local.jobs.storage.folder import NodeFolder

log = logging.getLogger(__name__)

TERMINAL = ("Succeeded", "Failed")


async def run_node(
    cluster: Cluster,
    *,
    runner_of: RunnerChoice,
    root: Path,
    logs: PodLogs,
    settings: NodeSettings,
    now: Clock = utc_now,
) -> None:
    """Run pods on this host until cancelled; nothing that runs outlives the call."""
    surroundings = Surroundings(
        cluster=cluster,
        runner_of=runner_of,
        folder=NodeFolder(root=root),
        logs=logs,
        settings=settings,
        recorder=Recorder(cluster, component="kubelet", host=settings.name, now=now),
        now=now,
    )
    await Node(surroundings).run()


class Node:
    """Pods by uid: in the line, at work, or over."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._node = surroundings
        self._line = Line()
        self._workers: dict[str, PodWorker] = {}
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_ending = False

    async def run(self) -> None:
        self._node.folder.create()
        await self._register()
        pods = Cache(self._node.cluster, POD)
        claims = Cache(self._node.cluster, PVC)
        claims.subscribe(self._claim_changed)
        watches = [asyncio.create_task(cache.run()) for cache in (pods, claims)]
        try:
            await pods.wait_synced()
            self._node.logs.keep_only(pods.list())
            for pod in arrival_order(pods.list()):
                self._meet(pod)
            pods.subscribe(self._pod_changed)
            self._fill()
            await asyncio.gather(*watches)
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.shield(self._end())

    async def _end(self) -> None:
        """End all pods and wait for them, so that nothing is left."""
        self._is_ending = True
        for worker in self._workers.values():
            worker.shut_down(self._node.settings.shutdown_grace_seconds)
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _meet(self, pod: Manifest) -> None:
        """A pod that was there before us: what a former node ran is lost and never run twice."""
        if pod["spec"].get("nodeName") != self._node.settings.name:
            self._take_in(pod)
        elif not _is_terminal(pod):
            self._do(self._give_up(pod, lost_status(pod, self._node.now)))
        elif _is_deleting(pod):
            self._do(remove(self._node, pod))

    def _pod_changed(self, old: Manifest | None, new: Manifest | None) -> None:
        if new is None:
            if old is not None:
                self._forget(old)
        elif worker := self._workers.get(new["metadata"]["uid"]):
            worker.update(new)
            if worker.is_over and _is_deleting(new):
                self._do(remove(self._node, new))
        else:
            self._take_in(new)
        self._fill()

    def _take_in(self, pod: Manifest) -> None:
        """A pod that nobody runs yet, or that is none of our business."""
        node_name = pod["spec"].get("nodeName")
        if _is_terminal(pod):
            self._line.drop(pod)
            if _is_deleting(pod) and node_name in (None, "", self._node.settings.name):
                self._do(remove(self._node, pod))
        elif node_name == self._node.settings.name:
            self._begin(pod)  # somebody chose this node by name: such pods do not queue
        elif not node_name and _is_deleting(pod):
            self._line.drop(pod)
            self._do(self._give_up(pod, never_scheduled_status()))
        elif not node_name:
            self._line.put(pod)

    def _forget(self, pod: Manifest) -> None:
        self._line.drop(pod)
        self._node.logs.remove(pod)
        worker = self._workers.get(pod["metadata"]["uid"])
        if worker is not None and worker.is_over:
            del self._workers[pod["metadata"]["uid"]]
        elif worker is not None:
            worker.vanish()

    def _fill(self) -> None:
        """Give free places to the first in the line, and tell the others that they wait."""
        if self._is_ending:
            return
        while self._free > 0 and (pod := self._line.take()) is not None:
            self._begin(pod)
        for pod in self._line.newcomers():
            self._do(self._write_status(pod, _waiting(self._node.now)))

    @property
    def _free(self) -> int:
        return self._node.settings.slots - len(self._busy)

    def _begin(self, pod: Manifest) -> None:
        if not self._is_ending:
            worker = PodWorker(pod, self._node)
            self._workers[pod["metadata"]["uid"]] = worker
            self._busy.add(pod["metadata"]["uid"])
            self._do(self._see_through(worker))

    async def _see_through(self, worker: PodWorker) -> None:
        """Run the pod; afterwards its place is free, and a deletion that waited for it goes on."""
        try:
            await worker.run()
        except ClusterError as error:
            log.warning("Pod failed on the node", extra={"pod": worker.pod["metadata"]["name"], "error": str(error)})
        finally:
            worker.is_over = True
            self._busy.discard(worker.pod["metadata"]["uid"])
            if worker.is_gone:
                self._workers.pop(worker.pod["metadata"]["uid"], None)
            self._fill()
        if _is_deleting(worker.pod):
            await remove(self._node, worker.pod)

    async def _give_up(self, pod: Manifest, status: Manifest) -> None:
        await self._write_status(pod, status)
        if _is_deleting(pod):
            await remove(self._node, pod)

    async def _write_status(self, pod: Manifest, status: Manifest) -> None:
        metadata = pod["metadata"]
        body = {"metadata": {"uid": metadata["uid"]}, "status": status}
        try:
            await self._node.cluster.patch(POD, metadata["namespace"], metadata["name"], body, subresource="status")
        except ClusterError as error:
            log.debug("Pod status not written", extra={"pod": metadata["name"], "error": str(error)})

    def _claim_changed(self, old: Manifest | None, new: Manifest | None) -> None:
        if new is None and old is not None:
            self._node.folder.remove_claim(old)

    async def _register(self) -> None:
        """The Node object that people see in `get nodes`."""
        settings = self._node.settings
        ready = Condition("Ready", "True", "KubeletReady", "the node runs pods on this host")
        capacity = {"cpu": str(settings.slots), "pods": str(settings.slots)}
        status = {
            "conditions": with_transitions([ready], (), self._node.now()),
            "capacity": capacity,
            "allocatable": capacity,
            "addresses": [
                {"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": settings.name},
            ],
        }
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": settings.name}, "spec": {}}
        with suppress(AlreadyExists):
            await self._node.cluster.create(NODE, node)
        await self._node.cluster.patch(NODE, None, settings.name, {"status": status}, subresource="status")

    def _do(self, deed: Coroutine[Any, Any, None]) -> None:
        """Run a deed beside everything else; a bug in it ends up in the log with its traceback."""
        task = asyncio.create_task(deed)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("The node failed at a pod", exc_info=error)


def _waiting(now: Clock) -> Manifest:
    condition = Condition("PodScheduled", "False", "SchedulingGated", FULL)
    return {"phase": "Pending", "conditions": with_transitions([condition], (), now())}


def _is_terminal(pod: Manifest) -> bool:
    return (pod.get("status") or {}).get("phase") in TERMINAL


def _is_deleting(pod: Manifest) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))
