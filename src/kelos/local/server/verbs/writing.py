"""Create and update: every write that leaves an object behind goes through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kelos.api.kinds import Manifest
from kelos.local.server.merging.ownership import Owners, after_update, read_owners, updater, write_owners
from kelos.local.server.metadata import timestamp
from kelos.local.server.refusals import Cause, already_exists, bad_request, forbidden, invalid, not_found
from kelos.local.server.resources import Resource
from kelos.local.server.verbs.admission import (
    carried,
    check_preconditions,
    identified,
    is_due,
    judged,
    stamped,
    with_generation,
)
from kelos.local.server.verbs.containers import settle
from kelos.local.server.verbs.options import WriteOptions, Written
from kelos.local.server.verbs.plane import Plane
from kelos.local.server.verbs.reading import find, key_for
from kelos.local.store import Key

_GENERATED_NAME_ATTEMPTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What an update wants; `owners` is None when they follow from the change itself."""

    manifest: Manifest
    owners: Owners | None = None


def create(
    plane: Plane,
    resource: Resource,
    namespace: str | None,
    body: object,
    options: WriteOptions,
    owners: Callable[[Manifest], Owners] | None = None,
) -> Written:
    """Store a new object; `body` becomes the server's own. Raises already-exists and invalid."""
    identity = identified(resource, body, namespace, None)
    require_namespace(plane, resource, namespace, identity["metadata"].get("name", ""))
    new, warnings = _first_state(plane, resource, identity, options)
    key = key_for(resource, namespace, new["metadata"]["name"])
    if plane.store.get(key) is not None:
        raise already_exists(resource.kind, key.name)
    if owners is None:
        manager = updater(options.field_manager or options.manager, resource.kind.api_version, "")
        owned = after_update({"metadata": {}}, new, resource.shape, {}, manager, timestamp(plane.now()))
    else:
        owned = owners(new)
    new = {**new, "metadata": {**new["metadata"], "managedFields": write_owners(owned)}}
    stored = resource.to_storage(new)
    if not options.dry_run:
        stored = plane.store.put(key, stored).manifest
        plane.registry.learn(resource, stored)
        create_default_account(plane, resource, stored)
    return Written(manifest=resource.from_storage(stored), created=True, warnings=warnings)


def replace(
    plane: Plane,
    resource: Resource,
    namespace: str | None,
    name: str,
    body: object,
    options: WriteOptions,
    subresource: str = "",
) -> Written:
    """Put a whole object in the place of the old one. Raises conflict when it was read from another state."""
    manifest = identified(resource, body, namespace, name)
    if not manifest["metadata"].get("resourceVersion") and not resource.unconditional_update:
        text = "Invalid value: 0: must be specified for an update"
        raise invalid(resource.kind, name, [Cause(field="metadata.resourceVersion", message=text)])
    return update(plane, resource, namespace, name, lambda _: Draft(manifest=manifest), options, subresource)


def update(
    plane: Plane,
    resource: Resource,
    namespace: str | None,
    name: str,
    change: Callable[[Manifest], Draft],
    options: WriteOptions,
    subresource: str = "",
) -> Written:
    """Write what `change` makes of the live object; a change that changes nothing writes nothing."""
    entry = find(plane.store, resource, namespace, name)
    old = resource.from_storage(entry.manifest)
    draft = change(old)
    wished = identified(resource, draft.manifest, namespace, name)
    check_preconditions(resource, wished, old)
    new, warnings = judged(resource, carried(resource, wished, old, subresource), old, options)
    new = with_generation(resource, new, old)
    new = _with_owners(plane, resource, draft, new, old, options, subresource)
    if new == old or options.dry_run:
        return Written(manifest=new, warnings=warnings)
    stored = resource.to_storage(new)
    if is_due(stored):
        remove(plane, entry.key, stored)
        return Written(manifest=new, warnings=warnings)
    stored = plane.store.put(entry.key, stored).manifest
    plane.registry.learn(resource, stored)
    return Written(manifest=resource.from_storage(stored), warnings=warnings)


def remove(plane: Plane, key: Key, last: Manifest | None = None) -> Manifest:
    """Take an object out, and its namespace or definition when they only waited for it."""
    entry = plane.store.delete(key, last)
    plane.registry.forget(key)
    settle(plane, key)
    return entry.manifest


def require_namespace(plane: Plane, resource: Resource, namespace: str | None, name: str) -> None:
    """Refuse new objects where there is no namespace, or no longer one."""
    if not resource.kind.namespaced:
        return
    if not namespace:
        raise bad_request("an empty namespace may not be set when a resource name may be provided")
    home = plane.store.get(Key(resource="namespaces", namespace="", name=namespace))
    if home is None:
        kind = plane.registry.namespaces.kind
        raise not_found(kind, namespace)
    if home.manifest["metadata"].get("deletionTimestamp"):
        cause = Cause(
            field="metadata.namespace", message="the namespace is being deleted", reason="NamespaceTerminating"
        )
        why = f"namespace {namespace} is being terminated, no new content can be created in it"
        raise forbidden(resource.kind, name, why, [cause])


def create_default_account(plane: Plane, resource: Resource, manifest: Manifest) -> None:
    """Give a new namespace its ServiceAccount, as the controllers of a real cluster do."""
    if resource.storage != "namespaces":
        return
    accounts = plane.registry.find("", "v1", "serviceaccounts")
    body = {"metadata": {"name": "default"}}
    create(plane, accounts, manifest["metadata"]["name"], body, WriteOptions(manager="kube-controller-manager"))


def _first_state(
    plane: Plane, resource: Resource, identity: Manifest, options: WriteOptions
) -> tuple[Manifest, tuple[str, ...]]:
    """The new object, complete; a generated name that is taken is drawn again."""
    metadata = identity["metadata"]
    generated = not metadata.get("name") and metadata.get("generateName")
    uid, created_at = plane.new_uid(), timestamp(plane.now())
    for _ in range(_GENERATED_NAME_ATTEMPTS):
        draft = stamped(resource, identity, uid=uid, created_at=created_at, suffix=plane.new_suffix())
        key = key_for(resource, metadata.get("namespace"), draft["metadata"].get("name", ""))
        if not generated or plane.store.get(key) is None:
            break
    return judged(resource, draft, None, options)


def _with_owners(
    plane: Plane,
    resource: Resource,
    draft: Draft,
    new: Manifest,
    old: Manifest,
    options: WriteOptions,
    subresource: str,
) -> Manifest:
    before = read_owners(new)
    owners = draft.owners
    if owners is None and not before:
        # Nobody keeps a record of this object: it was dropped on purpose.
        return new
    if owners is None:
        manager = updater(options.field_manager or options.manager, resource.kind.api_version, subresource)
        owners = after_update(old, new, resource.shape, before, manager, timestamp(plane.now()))
    if owners is before or owners == before:
        return new
    return {**new, "metadata": {**new["metadata"], "managedFields": write_owners(owners)}}
