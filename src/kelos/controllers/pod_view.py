"""Read the pods of a Task from the API, and what those of Tasks that are gone still hold."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from kelos.api import names
from kelos.api.kinds import POD, TASK, Manifest
from kelos.cluster.protocol import Cluster
from kelos.controllers.reading import find, list_all
from kelos.controllers.task_caches import TaskCaches
from kelos.errors import ClusterError, Invalid, NotFound
from kelos.tasks.accounts.record import Leftover
from kelos.tasks.evidence.attempts import needs_log
from kelos.tasks.evidence.facts import PodFacts, read_pod

LOG_TAIL_LINES = 200
LOG_LIMIT_BYTES = 1024 * 1024
LOG_PATIENCE = timedelta(minutes=5)
"""How long an unreadable log keeps a Task from ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodReader:
    """Caches tell whose pods there are; what is final is decided by the API."""

    cluster: Cluster
    caches: TaskCaches
    now: Callable[[], datetime]

    async def fresh(self, namespace: str, task_uid: str) -> tuple[PodFacts, ...]:
        """Every pod that says it is of that Task."""
        return in_order(await list_all(self.cluster, POD, namespace, labels=f"{names.LABEL_TASK_UID}={task_uid}"))

    async def leftovers(self, namespace: str, name: str) -> tuple[Leftover, ...]:
        """Pods of Tasks of that name which are gone, when they can be let go: all of a Task are over."""
        cached = [read_pod(pod) for pod in self.caches.pods.by("task", f"{namespace}/{name}")]
        task = self.caches.tasks.get(namespace, name)
        gone = {pod.task_uid for pod in cached if pod.is_over and pod.holds_outcome} - {_uid(task)}
        if not gone:
            return ()
        # One cache may be behind another, and a bill is final.
        gone -= {_uid(await find(self.cluster, TASK, namespace, name))}
        found = [await self.fresh(namespace, uid) for uid in sorted(gone)]
        return tuple(
            [Leftover(pods=pods, logs=await self.logs(pods)) for pods in found if all(pod.is_over for pod in pods)]
        )

    async def logs(self, pods: Iterable[PodFacts], known: Container[str] = ()) -> Mapping[str, str]:
        """Logs by pod uid, of those that must be read and are not among the known ones."""
        wanted = (pod for pod in pods if pod.holds_outcome and pod.uid not in known and needs_log(pod))
        return {pod.uid: await self._log(pod) for pod in wanted}

    async def _log(self, pod: PodFacts) -> str:
        """The end of the agent's log; empty when it is gone, or stayed unreadable for too long."""
        tail = bytearray()
        try:
            chunks = self.cluster.logs(
                pod.namespace, pod.name, container=names.CONTAINER_AGENT, tail_lines=LOG_TAIL_LINES
            )
            async for chunk in chunks:
                tail += chunk
                del tail[:-LOG_LIMIT_BYTES]
        except (NotFound, Invalid):
            return ""
        except ClusterError:
            ended = pod.agent.finished_at or pod.created_at
            if self.now() - ended < LOG_PATIENCE:
                raise
        return tail.decode(errors="replace")


def in_order(pods: Iterable[Manifest]) -> tuple[PodFacts, ...]:
    """Oldest first."""
    return tuple(sorted((read_pod(pod) for pod in pods), key=lambda pod: (pod.created_at, pod.name)))


def _uid(task: Manifest | None) -> str:
    return str(task["metadata"]["uid"]) if task is not None else ""
