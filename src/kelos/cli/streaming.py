"""The logs of a Task's pods in a form for people, as they come."""

from __future__ import annotations

import asyncio
import codecs
from contextlib import suppress
from typing import Protocol

from kelos.agents.protocol import Stream
from kelos.agents.registry import reader_for
from kelos.api.kinds import POD, Manifest
from kelos.api.names import CONTAINER_AGENT, CONTAINER_PREPARE, LABEL_TASK_UID, MARKER_END, MARKER_START
from kelos.cli.kinds import worker
from kelos.cluster.protocol import Cluster
from kelos.errors import ClusterError, Invalid, NotFound

POLL_SECONDS = 1.0
OWN_WORDS = "kelos: "
"""What the runner says itself begins so: talk, and not the agent's answer."""
LINE_LIMIT = 10 * 1024 * 1024


class Screen(Protocol):
    """Where a person reads."""

    def out(self, text: str) -> None: ...

    def err(self, text: str) -> None: ...


async def newest_pod(cluster: Cluster, task: Manifest) -> Manifest | None:
    namespace, uid = task["metadata"]["namespace"], task["metadata"]["uid"]
    pods = (await cluster.list(POD, namespace, labels=f"{LABEL_TASK_UID}={uid}")).items
    return max(pods, key=lambda p: (p["metadata"]["creationTimestamp"], p["metadata"]["name"]), default=None)


class LogView:
    """Raw log chunks in, readable text out. The machine-readable block at the end is not for people."""

    def __init__(self, agent_type: str, screen: Screen, *, container: str = CONTAINER_AGENT) -> None:
        self._is_agent = container == CONTAINER_AGENT
        self._reader = reader_for(agent_type)
        self._screen = screen
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._is_in_block = False

    def feed(self, chunk: bytes) -> None:
        self._rest += self._decoder.decode(chunk)
        *lines, self._rest = self._rest.split("\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > LINE_LIMIT:
            self.finish()

    def finish(self) -> None:
        if self._rest:
            self._line(self._rest)
            self._rest = ""

    def _line(self, line: str) -> None:
        if line == MARKER_START:
            self._is_in_block = True
        if not self._is_in_block and line.strip():
            is_ours = line.startswith(OWN_WORDS)
            for shown in self._reader.feed(line):
                is_answer = self._is_agent and shown.stream is Stream.STDOUT and not is_ours
                write = self._screen.out if is_answer else self._screen.err
                write(safe(shown.text))
        if line == MARKER_END:
            self._is_in_block = False


def safe(text: str) -> str:
    """Text that cannot drive a terminal: control characters other than newline and tab are shown as spaces."""
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)


class LogFollower:
    """Streams the log of each pod of a Task as it comes: preparation, then agent; a retry's pod follows."""

    def __init__(self, cluster: Cluster, task: Manifest, screen: Screen) -> None:
        self._cluster = cluster
        self._task = task
        self._screen = screen
        self._shown: set[str] = set()
        self._progress = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            pod = None
            with suppress(ClusterError):
                pod = await newest_pod(self._cluster, self._task)
            if pod is None or pod["metadata"]["name"] in self._shown:
                await asyncio.sleep(POLL_SECONDS / 4)
                continue
            for container in log_containers(pod):
                await self._when_started(pod, container)
            self._shown.add(pod["metadata"]["name"])
            self._progress.set()

    async def wait_for(self, pod: str, seconds: float) -> None:
        """Until all of that pod's log was shown, or the patience ends."""
        with suppress(asyncio.TimeoutError):
            async with asyncio.timeout(seconds):
                while pod and pod not in self._shown:
                    self._progress.clear()
                    await self._progress.wait()

    async def _when_started(self, pod: Manifest, container: str) -> None:
        view = LogView(str(worker(self._task, "type") or ""), self._screen, container=container)
        meta = pod["metadata"]
        while True:
            try:
                chunks = self._cluster.logs(meta["namespace"], meta["name"], container=container, follow=True)
                async for chunk in chunks:
                    view.feed(chunk)
            except Invalid:
                if await self._has_ended(meta["namespace"], meta["name"]):
                    return
                await asyncio.sleep(POLL_SECONDS / 4)  # the container has not started
                continue
            except ClusterError as error:
                self._screen.err(f"The log of pod '{meta['name']}' broke off: {error}\n")
            view.finish()
            return

    async def _has_ended(self, namespace: str, pod: str) -> bool:
        try:
            found = await self._cluster.get(POD, namespace, pod)
        except ClusterError as error:
            return isinstance(error, NotFound)
        return (found.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def log_containers(pod: Manifest) -> list[str]:
    init = [c["name"] for c in pod["spec"].get("initContainers") or ()]
    return [*(name for name in init if name == CONTAINER_PREPARE), CONTAINER_AGENT]
