"""One pod on this node, from its binding to its removal.

bind ─▶ volumes ─▶ init containers in order, sidecars on the way ─▶ containers ─▶ sidecars end ─▶ last status
Whatever asks for the end (deletion, deadline, the node's own end) sets `stop`; every step looks at it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from kelos.api.kinds import NODE, POD, Kind, Manifest
from kelos.errors import ClusterError, NotFound
from kelos.local.jobs.node.board import Board
from kelos.local.jobs.node.container import ContainerLife
from kelos.local.jobs.node.stop import Stop, either
from kelos.local.jobs.node.surroundings import Surroundings
from kelos.local.jobs.pod.files import has_files
from kelos.local.jobs.pod.states import ConfigError, Ended, Role, role_of
from kelos.local.jobs.pod.status import Verdict
from kelos.local.jobs.storage.sources import read_sources
from kelos.local.jobs.storage.volumes import make_volumes, refresh_files, refused_volume

BINDING = Kind(version="v1", kind="Binding", plural="bindings")
"""Assigns a pod to a node; only this kind may."""
SIDECAR_GRACE_SECONDS = 2.0
"""What sidecars get at least when the others used up the pod's grace."""
DEADLINE = Verdict(reason="DeadlineExceeded", message="Pod was active on the node longer than the specified deadline")
SHUTDOWN = Verdict(
    reason="Terminated",
    message="Pod was terminated in response to imminent node shutdown.",
    is_disruption=True,
)


class PodWorker:
    """Runs one pod once. `run` returns when nothing of it is alive and its last status is written."""

    def __init__(self, pod: Manifest, node: Surroundings) -> None:
        self._node = node
        self._runner = node.runner_of(pod)
        self._folder = node.folder.pod(pod, is_shared=self._runner.is_shared)
        self._board = Board(node.cluster, pod, node.now(), node.now)
        self._stop = Stop()
        self._sidecar_stop = Stop()
        self._sidecars: list[tuple[ContainerLife, asyncio.Task[None]]] = []
        self.is_over = False
        self.is_gone = False

    @property
    def pod(self) -> Manifest:
        return self._board.pod

    def update(self, pod: Manifest) -> None:
        """The pod changed: a deletion ends it, new labels and annotations reach its files."""
        self._board.take(pod)
        if pod["metadata"].get("deletionTimestamp"):
            self._ask(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0), None)

    def vanish(self) -> None:
        """The pod's object is gone: nobody is left to be graceful for."""
        self.is_gone = True
        self._ask(0.0, None)

    def shut_down(self, grace_seconds: float) -> None:
        """The node ends."""
        self._ask(min(grace_seconds, self._grace_seconds), SHUTDOWN)

    async def run(self) -> None:
        deadline = self.pod["spec"].get("activeDeadlineSeconds")
        loop = asyncio.get_running_loop()
        timer = loop.call_later(float(deadline), self._ask, self._grace_seconds, DEADLINE) if deadline else None
        refresher = asyncio.create_task(self._refresh())
        try:
            await self._live()
        finally:
            refresher.cancel()
            if timer is not None:
                timer.cancel()
            for stop in (self._stop, self._sidecar_stop):
                stop.close()
            await self._board.finish()
            self.is_over = True
            self._folder.remove()

    @property
    def _grace_seconds(self) -> float:
        return float(self.pod["spec"].get("terminationGracePeriodSeconds", 30))

    def _ask(self, grace_seconds: float, verdict: Verdict | None) -> None:
        """The first reason stays; a later wish can only hurry."""
        if not self._stop.asked.is_set() and not self.is_over:
            self._board.verdict = verdict
        self._stop.ask(grace_seconds)
        if self._sidecar_stop.asked.is_set():
            self._sidecar_stop.ask(grace_seconds)

    async def _live(self) -> None:
        if refusal := refused_volume(self.pod["spec"]):
            self._ask(0.0, Verdict(reason="UnsupportedVolume", message=refusal))
            return
        if not await self._bind():
            self._ask(0.0, None)
            return
        self._folder.create()
        volumes = await self._make_volumes()
        if volumes is None:
            return
        try:
            if await self._initialize(volumes):
                async with asyncio.TaskGroup() as group:
                    for spec in self.pod["spec"]["containers"]:
                        group.create_task(self._life(spec, volumes, self._stop).run())
        finally:
            await self._end_sidecars()

    async def _bind(self) -> bool:
        """Claim the pod for this node: from now on a deletion waits for us. False when it went meanwhile."""
        metadata, name = self.pod["metadata"], self._node.settings.name
        if self.pod["spec"].get("nodeName"):
            return True
        binding = {
            "apiVersion": BINDING.api_version,
            "kind": BINDING.kind,
            "metadata": {key: metadata[key] for key in ("name", "namespace", "uid")},
            "target": {"apiVersion": NODE.api_version, "kind": NODE.kind, "name": name},
        }
        try:
            await self._node.cluster.create(BINDING, binding)
            self.update(await self._node.cluster.get(POD, metadata["namespace"], metadata["name"]))
        except ClusterError:
            return False
        text = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {name}"
        await self._node.recorder.tell(self.pod, "Normal", "Scheduled", text)
        return True

    async def _make_volumes(self) -> dict[str, Path] | None:
        """Retried until all sources are there; None when the pod stops first."""
        told = ""
        while not self._stop.asked.is_set():
            sources = await read_sources(self._node.cluster, self.pod)
            try:
                return await make_volumes(self._node.cluster, self._node.folder, self._folder, self.pod, sources)
            except ConfigError as error:
                if told != str(error):
                    told = str(error)
                    await self._board.show()
                    await self._node.recorder.tell(self.pod, "Warning", "FailedMount", told)
            await self._stop.pause(self._node.settings.resync_seconds)
        return None

    async def _initialize(self, volumes: Mapping[str, Path]) -> bool:
        """Whether all init containers succeeded and all sidecars started."""
        for spec in self.pod["spec"].get("initContainers") or ():
            if self._stop.asked.is_set():
                return False
            if role_of(spec, is_init=True) is Role.SIDECAR:
                life = self._life(spec, volumes, self._sidecar_stop)
                task = asyncio.create_task(life.run())
                self._sidecars.append((life, task))
                started = asyncio.ensure_future(life.started.wait())
                await either(started, self._stop.asked)
                started.cancel()
                continue
            await self._life(spec, volumes, self._stop).run()
            state = self._board.containers[spec["name"]].state
            if not (isinstance(state, Ended) and state.succeeded):
                return False
        return not self._stop.asked.is_set()

    async def _end_sidecars(self) -> None:
        """In reverse order, as they were started; they share one grace."""
        if not self._sidecars:
            return
        grace = SIDECAR_GRACE_SECONDS if self._stop.asked.is_set() else self._grace_seconds
        if self._stop.expired.is_set():
            grace = min(SIDECAR_GRACE_SECONDS, self._grace_seconds)
        self._sidecar_stop.ask(grace)
        await asyncio.gather(*(task for _, task in reversed(self._sidecars)))

    def _life(self, spec: Manifest, volumes: Mapping[str, Path], stop: Stop) -> ContainerLife:
        return ContainerLife(
            spec=spec,
            node=self._node,
            runner=self._runner,
            board=self._board,
            folder=self._folder,
            volumes=volumes,
            stop=stop,
        )

    async def _refresh(self) -> None:
        """Keep files from the API up to date while the pod runs."""
        if not any(has_files(volume) for volume in self.pod["spec"].get("volumes") or ()):
            return
        while True:
            await asyncio.sleep(self._node.settings.refresh_seconds)
            try:
                sources = await read_sources(self._node.cluster, self.pod)
            except ClusterError:
                continue
            if not self._stop.asked.is_set() and self._folder.path.exists():
                refresh_files(self._folder, self.pod, sources)


async def remove(node: Surroundings, pod: Manifest) -> None:
    """Confirm that nothing of a deleted pod runs; the object goes once no finalizer is left."""
    metadata = pod["metadata"]
    try:
        await node.cluster.delete(POD, metadata["namespace"], metadata["name"], uid=metadata["uid"], grace_seconds=0)
    except (NotFound, ClusterError):
        return
