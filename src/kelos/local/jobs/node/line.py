"""Pods that wait for a place on the node, first come, first served."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kelos.api.kinds import Manifest

FULL = (
    "0/1 nodes are available: 1 Too many pods. The node runs as many pods as it has cores; this pod runs in its turn."
)


class Line:
    """Pods without a node by uid, in the order of their arrival."""

    def __init__(self) -> None:
        self._waiting: dict[str, Manifest] = {}

    def put(self, pod: Manifest) -> None:
        """Add the pod at the end, or keep its place with its new state."""
        self._waiting[pod["metadata"]["uid"]] = pod

    def drop(self, pod: Manifest) -> None:
        self._waiting.pop(pod["metadata"]["uid"], None)

    def take(self) -> Manifest | None:
        """The first pod that nothing gates."""
        for uid, pod in self._waiting.items():
            if not pod["spec"].get("schedulingGates"):
                return self._waiting.pop(uid)
        return None

    def __iter__(self) -> Iterator[Manifest]:
        return iter(list(self._waiting.values()))


def arrival_order(pods: Iterable[Manifest]) -> list[Manifest]:
    """The order of pods that were there before the node."""
    return sorted(pods, key=_age)


def waits_already(pod: Mapping[str, object]) -> bool:
    """Whether the pod's status says that it waits."""
    status = pod.get("status")
    conditions = status.get("conditions") or () if isinstance(status, dict) else ()
    return any(each["type"] == "PodScheduled" and each["status"] == "False" for each in conditions)


def _age(pod: Manifest) -> tuple[str, str]:
    return (str(pod["metadata"].get("creationTimestamp", "")), str(pod["metadata"]["name"]))
