"""Follow one Task: phases on stderr, its log in readable form on stdout, and an honest exit code."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Protocol

from kelos.agents.protocol import Stream
from kelos.agents.registry import reader_for
from kelos.api.kinds import POD, TASK, Manifest
from kelos.api.names import (
    CONTAINER_AGENT,
    CONTAINER_PREPARE,
    LABEL_TASK_UID,
    MARKER_END,
    MARKER_START,
)
from kelos.cli.kinds import worker
from kelos.cluster.protocol import ChangeType, Cluster
from kelos.errors import ClusterError, Gone, Invalid, NotFound, TooManyRequests, Unavailable

POLL_SECONDS = 1.0
DRAIN_SECONDS = 5.0
"""How long the end of a Task waits for the last lines of its log."""
LINE_LIMIT = 10 * 1024 * 1024


class Screen(Protocol):
    """Where a person reads."""

    def out(self, text: str) -> None: ...

    def err(self, text: str) -> None: ...


def is_over(task: Manifest) -> bool:
    return (task.get("status") or {}).get("phase") in ("Succeeded", "Failed")


async def changes_of(cluster: Cluster, namespace: str, name: str) -> AsyncIterator[Manifest]:
    """The Task now and after every change, until it is over. Raises NotFound when it is deleted or replaced."""
    task = await cluster.get(TASK, namespace, name)
    uid = task["metadata"]["uid"]
    yield task
    while not is_over(task):
        version = task["metadata"]["resourceVersion"]
        try:
            watch = cluster.watch(TASK, namespace, resource_version=version, fields=f"metadata.name={name}")
            async for change in watch:
                if change.type is ChangeType.BOOKMARK:
                    continue
                if change.type is ChangeType.DELETED or change.object["metadata"]["uid"] != uid:
                    raise NotFound(f"Task '{name}' was deleted while it was followed")
                task = change.object
                yield task
                if is_over(task):
                    return
        except Gone:
            pass
        except NotFound:
            raise
        except ClusterError:
            await asyncio.sleep(POLL_SECONDS)
        with suppress(Unavailable, TooManyRequests):
            task = await cluster.get(TASK, namespace, name)
            if task["metadata"]["uid"] != uid:
                raise NotFound(f"Task '{name}' was replaced by another one of its name")
            yield task


async def newest_pod(cluster: Cluster, task: Manifest) -> Manifest | None:
    namespace, uid = task["metadata"]["namespace"], task["metadata"]["uid"]
    pods = (await cluster.list(POD, namespace, labels=f"{LABEL_TASK_UID}={uid}")).items
    return max(pods, key=lambda p: (p["metadata"]["creationTimestamp"], p["metadata"]["name"]), default=None)


class LogView:
    """Raw log chunks in, readable text out. The machine-readable block at the end is not for people."""

    def __init__(self, agent_type: str, screen: Screen) -> None:
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
            for shown in self._reader.feed(line):
                write = self._screen.out if shown.stream is Stream.STDOUT else self._screen.err
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
        view = LogView(str(worker(self._task, "type") or ""), self._screen)
        meta = pod["metadata"]
        while True:
            try:
                chunks = self._cluster.logs(meta["namespace"], meta["name"], container=container, follow=True)
                async for chunk in chunks:
                    view.feed(chunk)
            except Invalid:
                await asyncio.sleep(POLL_SECONDS / 4)  # the container has not started
                continue
            except ClusterError as error:
                self._screen.err(f"The log of pod '{meta['name']}' broke off: {error}\n")
            view.finish()
            return


def log_containers(pod: Manifest) -> list[str]:
    init = [c["name"] for c in pod["spec"].get("initContainers") or ()]
    return [*(name for name in init if name == CONTAINER_PREPARE), CONTAINER_AGENT]


async def follow(
    cluster: Cluster, namespace: str, name: str, screen: Screen, *, with_logs: bool, say: Callable[[str], None]
) -> Manifest:
    """Follow the Task to its end and return it as it was then."""
    follower: LogFollower | None = None
    streaming: asyncio.Task[None] | None = None
    told: tuple[object, ...] = ()
    task: Manifest = {}
    try:
        async for task in changes_of(cluster, namespace, name):
            if with_logs and follower is None:
                follower = LogFollower(cluster, task, screen)
                streaming = asyncio.create_task(follower.run())
            status = task.get("status") or {}
            standing = (status.get("phase"), status.get("reason"))
            if follower is not None and is_over(task):
                await follower.wait_for(str(status.get("podName") or ""), DRAIN_SECONDS)
            if standing != told and standing[0] is not None:
                told = standing
                say(phase_line(task))
    finally:
        if streaming is not None:
            streaming.cancel()
            await asyncio.gather(streaming, return_exceptions=True)
    return task


def phase_line(task: Manifest) -> str:
    status = task.get("status") or {}
    line = f"task/{task['metadata']['name']} {status.get('phase')}"
    reason, message = status.get("reason"), status.get("message")
    if reason:
        line += f" ({reason})"
    return f"{line}: {safe(str(message))}" if reason and message else line


def summary(task: Manifest) -> str:
    """What came out, for reading: results, cost, and where to look."""
    status = task.get("status") or {}
    results = {k: v for k, v in (status.get("results") or {}).items() if k != "response"}
    lines = [f"  {key}: {safe(str(value))}" for key, value in sorted(results.items())]
    advice = (status.get("diagnosis") or {}).get("advice")
    return "\n".join([*lines, *([f"  {safe(str(advice))}"] if advice else [])])


def exit_code(task: Manifest) -> int:
    return 0 if (task.get("status") or {}).get("phase") == "Succeeded" else 1
