"""The verbs of a cluster without HTTP: the local plane's own controllers and simulations work on it directly."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from datetime import datetime
from typing import Any

from kelos.api.kinds import POD, Kind, Manifest
from kelos.cluster.protocol import Change, ChangeType, Page, PatchType
from kelos.errors import Invalid
from kelos.local.server.http.tables import as_served
from kelos.local.server.logs import LogReader, NoLogs
from kelos.local.server.refusals import Refusal
from kelos.local.server.resources import Resource
from kelos.local.server.verbs.deleting import delete
from kelos.local.server.verbs.options import DeleteOptions, FieldValidation, ListOptions, WriteOptions, Written
from kelos.local.server.verbs.patching import patch
from kelos.local.server.verbs.plane import Plane
from kelos.local.server.verbs.pods import bind
from kelos.local.server.verbs.reading import find, list_entries
from kelos.local.server.verbs.watching import Seen, Watches, WatchOptions, watch
from kelos.local.server.verbs.writing import create, replace
from kelos.local.store import Entry


class LocalCluster:
    """Implements `kelos.cluster.protocol.Cluster` on a plane; every object in and out is a copy."""

    def __init__(self, plane: Plane, *, logs: LogReader | None = None, manager: str = "kelos") -> None:
        self._plane = plane
        self._logs = logs or NoLogs()
        self._manager = manager
        self._watches = Watches()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Manifest:
        """Raises NotFound."""
        with _typed_errors():
            resource = self._resource(kind)
            return _served(resource, find(self._plane.store, resource, namespace, name))

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 500,
        more: str = "",
    ) -> Page:
        """One page. Raises Gone when the token is too old."""
        with _typed_errors():
            resource = self._resource(kind)
            options = ListOptions(labels=labels, fields=fields, limit=limit, more=more)
            listed = list_entries(self._plane.store, resource, namespace, options)
            items = tuple(_served(resource, entry) for entry in listed.entries)
            return Page(items=items, resource_version=str(listed.version), more=listed.more)

    async def create(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Raises AlreadyExists, Invalid, Forbidden."""
        with _typed_errors():
            namespace = (manifest.get("metadata") or {}).get("namespace")
            if kind.plural == "bindings":
                bind(self._plane, self._resource(POD), namespace, manifest["metadata"]["name"], manifest)
                return dict(_copy(manifest))
            options = WriteOptions(dry_run=dry_run, manager=self._manager, field_validation=FieldValidation.STRICT)
            return _fresh(create(self._plane, self._resource(kind), namespace, _copy(manifest), options))

    async def replace(self, kind: Kind, manifest: Manifest, *, subresource: str = "") -> Manifest:
        """Raises Conflict, NotFound."""
        with _typed_errors():
            metadata = manifest["metadata"]
            options = WriteOptions(manager=self._manager)
            resource, body = self._resource(kind), _copy(manifest)
            namespace, name = metadata.get("namespace"), metadata["name"]
            return _fresh(replace(self._plane, resource, namespace, name, body, options, subresource))

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        body: object,
        *,
        type: PatchType = PatchType.MERGE,
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
        dry_run: bool = False,
    ) -> Manifest:
        """Raises Conflict, NotFound."""
        with _typed_errors():
            options = WriteOptions(dry_run=dry_run, field_manager=field_manager, manager=self._manager, force=force)
            resource, given = self._resource(kind), _copy(body)
            return _fresh(patch(self._plane, resource, namespace, name, given, type, options, subresource))

    async def delete(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: str = "Background",
        grace_seconds: int | None = None,
    ) -> None:
        """Raises NotFound, and Conflict when a precondition does not hold."""
        with _typed_errors():
            options = DeleteOptions(
                uid=uid, resource_version=resource_version, propagation=propagation, grace_seconds=grace_seconds
            )
            delete(self._plane, self._resource(kind), namespace, name, options)

    async def watch(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        resource_version: str,
        labels: str = "",
        fields: str = "",
        timeout_seconds: int = 300,
    ) -> AsyncIterator[Change]:
        """Changes after a version, with bookmarks, until the timeout. Raises Gone."""
        options = WatchOptions(
            labels=labels,
            fields=fields,
            resource_version=resource_version,
            timeout_seconds=timeout_seconds,
            bookmarks=True,
        )
        with _typed_errors():
            resource = self._resource(kind)
            batches = watch(self._plane, self._watches, resource, namespace, options)
            async with aclosing(batches):
                async for batch in batches:
                    for seen in batch:
                        yield _change(resource, seen)

    def end_watches(self) -> None:
        """End every open watch, as a server that restarts does; later ones are not concerned."""
        watches, self._watches = self._watches, Watches()
        watches.end_all()

    async def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str,
        follow: bool = False,
        tail_lines: int | None = None,
        limit_bytes: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
        previous: bool = False,
    ) -> AsyncIterator[bytes]:
        """Chunks of a container's log. Raises NotFound; Invalid before the container started."""
        if previous:
            text = f"previous terminated container '{container}' in pod '{pod}' not found: containers run once here"
            raise Invalid(text, status=400, reason="BadRequest")
        with _typed_errors():
            find(self._plane.store, self._plane.registry.find("", "v1", "pods"), namespace, pod)
        async for chunk in self._logs.read(
            namespace,
            pod,
            container,
            follow=follow,
            tail_lines=tail_lines,
            limit_bytes=limit_bytes,
            since=since,
            timestamps=timestamps,
        ):
            yield chunk

    def _resource(self, kind: Kind) -> Resource:
        return self._plane.registry.find(kind.group, kind.version, kind.plural)


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise refusal.as_cluster_error() from refusal


def _copy(value: Any) -> Any:
    """A copy as the wire would make it: quicker than deepcopy, and as strict about what JSON can say."""
    return json.loads(json.dumps(value))


def _served(resource: Resource, entry: Entry) -> Manifest:
    """A stored object in the served version, decoded anew."""
    decoded: Manifest = json.loads(as_served(resource, entry))
    return decoded


def _fresh(written: Written) -> Manifest:
    manifest: Manifest = _copy(written.manifest)
    return manifest


def _change(resource: Resource, seen: Seen) -> Change:
    if seen.entry is None:
        return Change(type=ChangeType.BOOKMARK, object={"metadata": {"resourceVersion": str(seen.version)}})
    return Change(type=seen.type, object=_served(resource, seen.entry))
