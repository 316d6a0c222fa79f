"""The verbs of `Cluster` over HTTP, on plain dictionaries."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kelos.api.kinds import POD, Kind, Manifest
from kelos.cluster.access import ClusterAccess
from kelos.cluster.http import answers
from kelos.cluster.protocol import Change, Page, PatchType

if TYPE_CHECKING:
    from kelos.cluster.http.transport import Transport

STRICT = "Strict"
"""What somebody wrote must not be dropped because it is misspelt."""
READ_MARGIN_SECONDS = 15
"""A watch is given up that much later than the server promised to end it: its connection is dead."""


async def connect(access: ClusterAccess, *, timeout_seconds: float = 60) -> HttpCluster:
    """A client for the cluster; nothing is sent yet, but a credential plugin may run. Raises UserError."""
    # Imported late: commands that talk to no cluster must not pay for an HTTP library.
    from kelos.cluster.http.transport import Transport

    return HttpCluster(await Transport.open(access, timeout_seconds=timeout_seconds))


class HttpCluster:
    """`Cluster` over HTTP."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def __aenter__(self) -> HttpCluster:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._transport.close()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Manifest:
        return await self._transport.request("GET", kind.path(namespace, name))

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
        query = _query(labelSelector=labels, fieldSelector=fields, limit=limit, **{"continue": more})
        answer = await self._transport.request("GET", kind.path(namespace), query)
        return answers.page(answer, api_version=kind.api_version, kind=kind.kind)

    async def create(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        path = kind.path(manifest["metadata"].get("namespace"))
        query = _query(dryRun="All" if dry_run else "", fieldValidation=STRICT)
        return await self._transport.request("POST", path, query, body=manifest)

    async def replace(self, kind: Kind, manifest: Manifest, *, subresource: str = "") -> Manifest:
        metadata = manifest["metadata"]
        path = kind.path(metadata.get("namespace"), metadata["name"], subresource or None)
        return await self._transport.request("PUT", path, body=manifest)

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
        query = _query(
            fieldManager=field_manager,
            force="true" if force else "",
            dryRun="All" if dry_run else "",
            fieldValidation=STRICT if type is PatchType.APPLY else "",
        )
        path = kind.path(namespace, name, subresource or None)
        return await self._transport.request("PATCH", path, query, body=body, content_type=type.value)

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
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if preconditions := _query(uid=uid, resourceVersion=resource_version):
            options["preconditions"] = preconditions
        await self._transport.request("DELETE", kind.path(namespace, name), body=options)

    async def watch(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        resource_version: str,
        labels: str = "",
        fields: str = "",
        timeout_seconds: int = 300,
    ) -> AsyncGenerator[Change]:
        query = _query(
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=resource_version,
            timeoutSeconds=timeout_seconds,
            labelSelector=labels,
            fieldSelector=fields,
        )
        path = kind.path(namespace)
        async with self._transport.stream(path, query, timeout_seconds=timeout_seconds + READ_MARGIN_SECONDS) as stream:
            async for line in stream.lines():
                if (change := answers.change(line, what=kind.plural)) is not None:
                    yield change

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
    ) -> AsyncGenerator[bytes]:
        query = _query(
            container=container,
            follow="true" if follow else "",
            tailLines=tail_lines,
            limitBytes=limit_bytes,
            sinceTime=since.isoformat() if since else "",
            timestamps="true" if timestamps else "",
            previous="true" if previous else "",
        )
        # A followed log may be silent for hours; TCP keep-alive finds the connections that died.
        timeout_seconds = None if follow else self._transport.timeout_seconds
        path = POD.path(namespace, pod, "log")
        async with self._transport.stream(path, query, timeout_seconds=timeout_seconds) as stream:
            async for chunk in stream.chunks():
                yield chunk


def _query(**values: str | int | None) -> dict[str, str]:
    """What is set, as the texts of a query; 0 is a value."""
    return {name: str(value) for name, value in values.items() if value not in ("", None)}
