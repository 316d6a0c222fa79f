"""Namespaces and definitions hold other objects: being deleted, they go when the last of these is gone."""

from __future__ import annotations

from collections.abc import Iterator

from kelos.local.server.verbs.plane import Plane
from kelos.local.store import Key

NAMESPACES = "namespaces"
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


def is_container(key: Key) -> bool:
    return key.resource in (NAMESPACES, DEFINITIONS)


def contents(plane: Plane, container: Key) -> Iterator[Key]:
    """The objects that live in a namespace, or by a definition."""
    if container.resource == DEFINITIONS:
        yield from (entry.key for entry in plane.store.entries(container.name))
    else:
        for resource in plane.store.resources():
            yield from (entry.key for entry in plane.store.entries(resource, container.name))


def settle(plane: Plane, gone: Key) -> None:
    """After an object went: let a container go that waited for this one only."""
    homes = [Key(resource=DEFINITIONS, namespace="", name=gone.resource)]
    if gone.namespace:
        homes.append(Key(resource=NAMESPACES, namespace="", name=gone.namespace))
    for home in homes:
        finish(plane, home)


def finish(plane: Plane, container: Key) -> bool:
    """Remove a container that is being deleted and empty."""
    entry = plane.store.get(container)
    if entry is None or not entry.manifest["metadata"].get("deletionTimestamp"):
        return False
    if entry.manifest["metadata"].get("finalizers") or next(contents(plane, container), None) is not None:
        return False
    plane.store.delete(container)
    plane.registry.forget(container)
    return True
