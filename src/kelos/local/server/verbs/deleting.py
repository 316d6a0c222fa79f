"""Delete: at once, after a grace, or when the last finalizer is gone."""

from __future__ import annotations

from datetime import datetime, timedelta

from kelos.api.kinds import Manifest
from kelos.local.server.metadata import timestamp
from kelos.local.server.refusals import Cause, bad_request, conflict, invalid_options
from kelos.local.server.resources import Resource
from kelos.local.server.verbs.containers import contents, finish, is_container
from kelos.local.server.verbs.options import Deleted, DeleteOptions, ListOptions
from kelos.local.server.verbs.plane import Plane
from kelos.local.server.verbs.reading import find, list_entries
from kelos.local.server.verbs.writing import remove
from kelos.local.store import Entry, Key

_FINALIZER_OF = {"Orphan": "orphan", "Foreground": "foregroundDeletion"}


def delete(plane: Plane, resource: Resource, namespace: str | None, name: str, options: DeleteOptions) -> Deleted:
    """Delete an object, or mark it when somebody must let go of it first. Raises not-found and conflict."""
    entry = find(plane.store, resource, namespace, name)
    _check(resource, entry, options)
    marked = mark(resource, entry.manifest, options, plane.now())
    stays = bool(marked["metadata"].get("finalizers")) or bool(marked["metadata"]["deletionGracePeriodSeconds"])
    if options.dry_run:
        return Deleted(manifest=resource.from_storage(marked), gone=not stays)
    if is_container(entry.key):
        return _delete_container(plane, resource, entry, marked)
    if not stays:
        return Deleted(manifest=resource.from_storage(remove(plane, entry.key, marked)), gone=True)
    if marked != entry.manifest:
        marked = plane.store.put(entry.key, marked).manifest
    return Deleted(manifest=resource.from_storage(marked), gone=False)


def delete_collection(
    plane: Plane, resource: Resource, namespace: str | None, selection: ListOptions, options: DeleteOptions
) -> list[Manifest]:
    """Delete everything selected, each as if alone."""
    entries = list_entries(plane.store, resource, namespace, selection).entries
    return [
        delete(plane, resource, entry.key.namespace or None, entry.key.name, options).manifest
        for entry in entries
        if plane.store.get(entry.key) is not None
    ]


def mark(resource: Resource, manifest: Manifest, options: DeleteOptions, now: datetime) -> Manifest:
    """The object as its deletion leaves it: a time, a grace, the finalizers of the propagation policy."""
    old = manifest["metadata"]
    asked = options.grace_seconds
    grace = resource.grace(manifest, asked) if resource.grace else 0
    finalizers = _finalizers(resource, old.get("finalizers") or [], options.propagation)
    metadata = {key: value for key, value in old.items() if key != "finalizers"}
    if finalizers:
        metadata["finalizers"] = finalizers
    if old.get("deletionTimestamp") and old.get("deletionGracePeriodSeconds", 0) <= grace:
        return {**manifest, "metadata": metadata}
    if old.get("generation") and not old.get("deletionTimestamp"):
        metadata["generation"] = old["generation"] + 1
    metadata["deletionTimestamp"] = timestamp(now + timedelta(seconds=grace))
    metadata["deletionGracePeriodSeconds"] = grace
    return {**manifest, "metadata": metadata}


def _finalizers(resource: Resource, finalizers: list[str], propagation: str | None) -> list[str]:
    policy = propagation or (resource.default_propagation if resource.default_propagation != "Background" else "")
    if not policy:
        return finalizers
    others = [name for name in finalizers if name not in _FINALIZER_OF.values()]
    return [*others, _FINALIZER_OF[policy]] if policy in _FINALIZER_OF else others


def _check(resource: Resource, entry: Entry, options: DeleteOptions) -> None:
    metadata = entry.manifest["metadata"]
    if options.propagation not in (None, "Background", *_FINALIZER_OF):
        why = f'Unsupported value: "{options.propagation}": supported values: "Background", "Foreground", "Orphan"'
        cause = Cause(field="propagationPolicy", message=why, reason="FieldValueNotSupported")
        raise invalid_options("DeleteOptions", cause)
    if options.grace_seconds is not None and options.grace_seconds < 0:
        raise bad_request("gracePeriodSeconds must be greater than or equal to 0")
    if options.uid and options.uid != metadata["uid"]:
        why = f"the uid {options.uid} was expected, but the object's uid is {metadata['uid']}"
        raise conflict(resource.kind, entry.key.name, why)
    if options.resource_version and options.resource_version != metadata["resourceVersion"]:
        why = f"version {options.resource_version} was expected, but the object is at {metadata['resourceVersion']}"
        raise conflict(resource.kind, entry.key.name, why)


def _delete_container(plane: Plane, resource: Resource, entry: Entry, marked: Manifest) -> Deleted:
    """Close the door first, then empty the room; what holds out keeps the container until it is gone."""
    ending = resource.ending(marked) if resource.ending else marked
    if ending != entry.manifest:
        ending = plane.store.put(entry.key, ending).manifest
    for key in list(contents(plane, entry.key)):
        if plane.store.get(key) is not None:
            _delete_inside(plane, key)
    gone = plane.store.get(entry.key) is None or finish(plane, entry.key)
    current = plane.store.get(entry.key)
    return Deleted(manifest=resource.from_storage(current.manifest if current else ending), gone=gone)


def _delete_inside(plane: Plane, key: Key) -> None:
    inside = plane.registry.stored(key.resource)
    if inside is None:
        remove(plane, key)
    else:
        delete(plane, inside, key.namespace or None, key.name, DeleteOptions())
