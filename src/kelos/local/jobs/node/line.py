"""Pods that wait for a place on the node, first come, first served."""

from __future__ import annotations

from collections.abc import Iterable

from kelos.api.kinds import Manifest

FULL = "the node runs as many pods at once as it has cores, and this one runs in its turn"


class Line:
    """Pods without a node by uid, in the order of their arrival."""

    def __init__(self) -> None:
        self._waiting: dict[str, Manifest] = {}
        self._told: set[str] = set()

    def put(self, pod: Manifest) -> None:
        """Add the pod at the end, or keep its place with its new state."""
        uid = pod["metadata"]["uid"]
        self._waiting[uid] = pod
        if waits_already(pod):
            self._told.add(uid)

    def drop(self, pod: Manifest) -> None:
        self._leave(pod["metadata"]["uid"])

    def take(self) -> Manifest | None:
        """The first pod that nothing gates."""
        for uid, pod in self._waiting.items():
            if not pod["spec"].get("schedulingGates"):
                self._leave(uid)
                return pod
        return None

    def newcomers(self) -> list[Manifest]:
        """Pods that wait and do not say so yet; each is named once."""
        if len(self._told) == len(self._waiting):
            return []
        found = [pod for uid, pod in self._waiting.items() if uid not in self._told]
        self._told |= self._waiting.keys()
        return found

    def _leave(self, uid: str) -> None:
        self._waiting.pop(uid, None)
        self._told.discard(uid)


def arrival_order(pods: Iterable[Manifest]) -> list[Manifest]:
    """The order of pods that were there before the node."""
    return sorted(pods, key=_age)


def waits_already(pod: Manifest) -> bool:
    """Whether the pod's status says that it waits."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "PodScheduled" and each["status"] == "False" for each in conditions)


def _age(pod: Manifest) -> tuple[str, str]:
    return (str(pod["metadata"].get("creationTimestamp", "")), str(pod["metadata"]["name"]))
