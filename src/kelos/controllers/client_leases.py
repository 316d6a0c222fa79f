"""Since when each client lease has not moved, by our own clock: the client's clock does not matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kelos.api.names import ANNOTATION_LEASE
from kelos.api.task import Task

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """The lease of one Task, and since when it has been like that."""

    uid: str
    text: str
    since: float


class ClientLeases:
    """The one thing the controller remembers between passes.

    A lease has a full period after a restart, and after every time in which the API could not be reached: whoever
    could not renew it, or whose renewal we could not see, is not silent.
    """

    def __init__(self, monotonic: Callable[[], float], in_touch_since: Callable[[], float | None]) -> None:
        self._monotonic = monotonic
        self._in_touch_since = in_touch_since
        self._seen: dict[Key, _Sight] = {}

    def silence(self, task: Task) -> float | None:
        """For how many seconds the lease is known not to have moved; None for a Task that has none."""
        key, text = (task.meta.namespace, task.meta.name), task.meta.annotations.get(ANNOTATION_LEASE)
        if text is None or task.is_finished:
            self._seen.pop(key, None)
            return None
        seen = self._seen.get(key)
        if seen is None or (seen.uid, seen.text) != (task.meta.uid, text):
            seen = self._see(key, task.meta.uid, text)
        in_touch_since = self._in_touch_since()
        return 0.0 if in_touch_since is None else self._monotonic() - max(seen.since, in_touch_since)

    def start_afresh(self, task: Task) -> None:
        """Nobody knows what became of this lease: it has a full period from now on."""
        key = (task.meta.namespace, task.meta.name)
        if (seen := self._seen.get(key)) is not None:
            self._see(key, seen.uid, seen.text)

    def forget(self, key: Key) -> None:
        self._seen.pop(key, None)

    def _see(self, key: Key, uid: str, text: str) -> _Sight:
        seen = _Sight(uid=uid, text=text, since=self._monotonic())
        self._seen[key] = seen
        return seen
