"""Which Tasks share a comment, kept in step with the cache of Tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kelos.api.kinds import Manifest
from kelos.cluster.watch import Cache
from kelos.reporting.subject import is_reported, read_subject
from kelos.reporting.thread import Thread, ThreadKey, key_of, thread_of

Key = tuple[str, str]


class Threads:
    """Threads of all Tasks that are reported on; `wake` hears of each one that may have something to tell."""

    def __init__(self, tasks: Cache, wake: Callable[[ThreadKey], object]) -> None:
        self._tasks = tasks
        self._wake = wake
        self._members: dict[ThreadKey, set[Key]] = {}
        tasks.subscribe(self._changed)

    def find(self, key: ThreadKey) -> Thread | None:
        """The thread as the cache shows it; None when its last Task is gone."""
        found = [self._tasks.get(*member) for member in self._members.get(key, ())]
        return thread_of(key, (read_subject(task) for task in found if task is not None))

    def all(self) -> Sequence[ThreadKey]:
        return list(self._members)

    def _changed(self, old: Manifest | None, new: Manifest | None) -> None:
        before, after = _key(old), _key(new)
        if before is not None and before != after:
            assert old is not None
            members = self._members[before]
            members.discard(_name(old))
            if not members:
                del self._members[before]
            self._wake(before)
        if after is not None:
            assert new is not None
            self._members.setdefault(after, set()).add(_name(new))
            self._wake(after)


def _key(task: Manifest | None) -> ThreadKey | None:
    return key_of(read_subject(task)) if task is not None and is_reported(task) else None


def _name(task: Manifest) -> Key:
    return str(task["metadata"].get("namespace", "")), str(task["metadata"]["name"])
