"""The contents of a cache: objects by name and by index, and who wants to hear of changes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from kelos.api.kinds import Manifest

log = logging.getLogger(__name__)

Key = tuple[str, str]
Index = Callable[[Manifest], Iterable[str]]
Observer = Callable[[Manifest | None, Manifest | None], None]
Slim = Callable[[Manifest], Manifest]
"""What to keep of an object. It must not change the original, and must keep name, uid and version."""


class Store:
    """Objects of one kind. A deleted and recreated object is told as two changes: it is another object."""

    def __init__(self, indexes: Mapping[str, Index], slim: Slim | None = None) -> None:
        self._slim = slim
        self._objects: dict[Key, Manifest] = {}
        self._indexes = dict(indexes)
        self._indexed: dict[str, dict[str, dict[Key, Manifest]]] = {name: {} for name in indexes}
        self._observers: list[Observer] = []

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, namespace: str, name: str) -> Manifest | None:
        return self._objects.get((namespace, name))

    def list(self, namespace: str | None = None) -> Sequence[Manifest]:
        if namespace is None:
            return list(self._objects.values())
        return [object_ for (place, _), object_ in self._objects.items() if place == namespace]

    def by(self, index: str, key: str) -> Sequence[Manifest]:
        return list(self._indexed[index].get(key, {}).values())

    def subscribe(self, observer: Observer) -> None:
        self._observers.append(observer)

    def put(self, object_: Manifest) -> None:
        """Take over an object as the server had it; the same version again, or an older one, changes nothing."""
        new = _without_managed_fields(object_)
        if self._slim is not None:
            new = self._slim(new)
        key = _key(new)
        old = self._objects.get(key)
        if old is not None and _is_known(old, new):
            return
        if old is not None and _uid(old) != _uid(new):
            self._change(key, old, None)
            old = None
        self._change(key, old, new)

    def learn(self, answer: Manifest) -> None:
        """Take over what a write of our own answered: the watch brings it later. What is no longer there stays away."""
        old = self._objects.get(_key(answer))
        if old is not None and _uid(old) == _uid(answer):
            self.put(answer)

    def remove(self, object_: Manifest) -> None:
        key = _key(object_)
        if (old := self._objects.get(key)) is not None:
            self._change(key, old, None)

    def replace(self, objects: Iterable[Manifest]) -> None:
        """Take over a whole list; what it lacks is gone."""
        objects = list(objects)
        for key in sorted(self._objects.keys() - {_key(object_) for object_ in objects}):
            self._change(key, self._objects[key], None)
        for object_ in objects:
            self.put(object_)

    def _change(self, key: Key, old: Manifest | None, new: Manifest | None) -> None:
        if new is None:
            del self._objects[key]
        else:
            self._objects[key] = new
        for name, index in self._indexes.items():
            self._reindex(self._indexed[name], index, key, old, new)
        for observer in self._observers:
            try:
                observer(old, new)
            except Exception:
                # One odd object must not stop the others from being seen.
                log.exception("An observer failed", extra={"object": "/".join(key)})

    def _reindex(
        self,
        entries: dict[str, dict[Key, Manifest]],
        index: Index,
        key: Key,
        old: Manifest | None,
        new: Manifest | None,
    ) -> None:
        for value in _values(index, key, old):
            entry = entries[value]
            del entry[key]
            if not entry:
                del entries[value]
        if new is not None:
            for value in _values(index, key, new):
                entries.setdefault(value, {})[key] = new


def _values(index: Index, key: Key, object_: Manifest | None) -> frozenset[str]:
    """The index keys of an object: always the same ones, since objects never change."""
    if object_ is None:
        return frozenset()
    try:
        return frozenset(index(object_))
    except Exception:
        log.exception("An index function failed", extra={"object": "/".join(key)})
        return frozenset()


def _without_managed_fields(object_: Manifest) -> Manifest:
    """The object without managedFields, often half its size; the original stays as it is."""
    metadata = object_["metadata"]
    if "managedFields" not in metadata:
        return object_
    return {**object_, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}


def _key(object_: Manifest) -> Key:
    metadata = object_["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def _uid(object_: Manifest) -> object:
    return object_["metadata"].get("uid")


def _is_known(old: Manifest, new: Manifest) -> bool:
    """Whether `new` tells nothing new. Versions grow; where they are no numbers, only equal ones compare."""
    was, now = _version(old), _version(new)
    if was == now:
        return True
    return _uid(old) == _uid(new) and was.isdecimal() and now.isdecimal() and int(now) < int(was)


def _version(object_: Manifest) -> str:
    return str(object_["metadata"].get("resourceVersion", ""))
