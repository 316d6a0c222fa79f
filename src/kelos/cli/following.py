"""Follow one Task: phases on stderr, its log in readable form on stdout, and an honest exit code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from kelos.api.kinds import TASK, Manifest
from kelos.api.reasons import warning_of
from kelos.cli.objects import get_named
from kelos.cli.streaming import POLL_SECONDS, LogFollower, Screen, safe
from kelos.cluster.protocol import ChangeType, Cluster
from kelos.errors import ClusterError, Gone, NotFound, TooManyRequests, Unavailable

QUIET_SECONDS = 20.0
"""After which a Task without any status is told of: nobody seems to look after it."""
DRAIN_SECONDS = 5.0
"""How long the end of a Task waits for the last lines of its log."""


def is_over(task: Manifest) -> bool:
    return (task.get("status") or {}).get("phase") in ("Succeeded", "Failed")


class Outage:
    """The cluster does not answer: said once, and borne until it does."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._is_told = False

    async def __call__(self, error: ClusterError) -> None:
        if not self._is_told:
            self._is_told = True
            self._say(f"{error}; still trying, Ctrl-C ends this")
        await asyncio.sleep(POLL_SECONDS)

    def is_over(self) -> None:
        if self._is_told:
            self._say("The cluster answers again")
        self._is_told = False


async def changes_of(
    cluster: Cluster, namespace: str, name: str, *, say: Callable[[str], None]
) -> AsyncIterator[Manifest]:
    """The Task now and after every change, until it is over. Raises NotFound when it is deleted or replaced."""
    outage = Outage(say)
    task = await get_named(cluster, TASK, namespace, name)
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
        except ClusterError as error:
            await outage(error)
        try:
            task = await cluster.get(TASK, namespace, name)
        except NotFound:
            raise NotFound(f"Task '{name}' was deleted while it was followed") from None
        except (Unavailable, TooManyRequests) as error:
            await outage(error)
            continue
        if task["metadata"]["uid"] != uid:
            raise NotFound(f"Task '{name}' was replaced by another one of its name")
        outage.is_over()
        yield task


async def follow(
    cluster: Cluster,
    namespace: str,
    name: str,
    screen: Screen,
    *,
    with_logs: bool,
    say: Callable[[str], None],
    quiet_seconds: float = QUIET_SECONDS,
) -> Manifest:
    """Follow the Task to its end and return it as it was then."""
    follower: LogFollower | None = None
    streaming: asyncio.Task[None] | None = None
    told: tuple[object, ...] = ()
    is_warned = False
    task: Manifest = {}
    unseen = f"No controller has looked at task/{name} yet; does one serve namespace '{namespace}'? Still waiting"
    reminder: asyncio.TimerHandle | None = None
    try:
        async for task in changes_of(cluster, namespace, name, say=say):
            if with_logs and follower is None:
                follower = LogFollower(cluster, task, screen)
                streaming = asyncio.create_task(follower.run())
            status = task.get("status") or {}
            if reminder is None:  # not before the Task was seen: a server that is away says nothing of controllers
                reminder = asyncio.get_running_loop().call_later(quiet_seconds, say, unseen)
            if status:
                reminder.cancel()
            if (problem := warning_of(task)) and not is_warned:
                is_warned = True
                say(f"Warning: {safe(problem)}")
            standing = (status.get("phase"), status.get("reason"))
            if follower is not None and is_over(task):
                await follower.wait_for(str(status.get("podName") or ""), DRAIN_SECONDS)
            if standing != told and standing[0] is not None:
                told = standing
                say(phase_line(task))
    finally:
        if reminder is not None:
            reminder.cancel()
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
    return "\n".join(filter(None, [*lines, advice(task)]))


def advice(task: Manifest) -> str:
    """What to try, where the controller knows; empty otherwise."""
    return safe(str(((task.get("status") or {}).get("diagnosis") or {}).get("advice") or ""))


def exit_code(task: Manifest) -> int:
    return 0 if (task.get("status") or {}).get("phase") == "Succeeded" else 1
