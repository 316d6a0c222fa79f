"""Answers that go on: watches as one JSON document per line, logs as text."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import datetime
from http import HTTPStatus

from starlette.responses import Response, StreamingResponse

from kelos.api.kinds import Manifest
from kelos.errors import ClusterError
from kelos.local.server.builtin.pods import containers_of
from kelos.local.server.http.negotiation import JSON, Form
from kelos.local.server.http.paths import Target
from kelos.local.server.http.queries import flag, number, since
from kelos.local.server.http.tables import as_served, metadata_only, table
from kelos.local.server.logs import LogReader
from kelos.local.server.refusals import Refusal, bad_request
from kelos.local.server.resources import Resource
from kelos.local.server.verbs.plane import Plane
from kelos.local.server.verbs.reading import find
from kelos.local.server.verbs.watching import INITIAL_EVENTS_END, Seen, Watches, WatchOptions, watch
from kelos.local.store import encode


def stream_watch(
    plane: Plane,
    watches: Watches,
    resource: Resource,
    namespace: str | None,
    options: WatchOptions,
    form: Form,
    include: str,
) -> Response:
    """An open watch. What goes wrong from here on arrives as an ERROR event."""
    batches = watch(plane, watches, resource, namespace, options)

    async def lines() -> AsyncIterator[bytes]:
        headed = True
        try:
            async with aclosing(batches):
                async for batch in batches:
                    shown = [
                        _line(resource, seen, form, include, plane.now(), headed and at == 0)
                        for at, seen in enumerate(batch)
                    ]
                    headed = False
                    yield b"".join(shown)
        except Refusal as refusal:
            yield encode({"type": "ERROR", "object": refusal.status()}) + b"\n"

    return StreamingResponse(lines(), media_type=JSON)


async def stream_log(
    plane: Plane, logs: LogReader, resource: Resource, target: Target, query: Mapping[str, str]
) -> Response:
    """A container's log; the reader's refusal comes before the first byte, as a status."""
    pod = find(plane.store, resource, target.namespace, target.name).manifest
    chunks = logs.read(
        target.namespace,
        target.name,
        _container(pod, query.get("container", "")),
        follow=flag(query, "follow"),
        tail_lines=number(query, "tailLines"),
        limit_bytes=number(query, "limitBytes"),
        since=since(query, plane.now()),
        timestamps=flag(query, "timestamps"),
    )
    try:
        first = await anext(chunks, b"")
    except ClusterError as error:
        raise Refusal(HTTPStatus(error.status or 500), error.reason or "BadRequest", str(error)) from error

    async def body() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return StreamingResponse(body(), media_type="text/plain")


def _container(pod: Manifest, wanted: str) -> str:
    names = [container.get("name", "") for container in containers_of(pod["spec"])]
    name = pod["metadata"]["name"]
    if wanted:
        if wanted not in names:
            raise bad_request(f"container {wanted} is not valid for pod {name}: it has {', '.join(names)}")
        return wanted
    default = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    mains = [container["name"] for container in pod["spec"].get("containers", ())]
    if default in names or len(mains) == 1:
        return str(default if default in names else mains[0])
    raise bad_request(f"a container name must be specified for pod {name}, choose one of: {names}")


def _line(resource: Resource, seen: Seen, form: Form, include: str, now: datetime, headed: bool) -> bytes:
    if seen.entry is None:
        body = _bookmark(resource, seen, form, now)
    elif form is Form.OBJECT:
        body = as_served(resource, seen.entry)
    elif form is Form.METADATA:
        body = encode(metadata_only(seen.entry.manifest))
    else:
        manifest = resource.from_storage(seen.entry.manifest)
        version = {"resourceVersion": str(seen.version)}
        body = encode(table(resource, [manifest], version, now, include=include, headed=headed))
    return b'{"type":' + json.dumps(seen.type.value).encode() + b',"object":' + body + b"}\n"


def _bookmark(resource: Resource, seen: Seen, form: Form, now: datetime) -> bytes:
    metadata: Manifest = {"resourceVersion": str(seen.version), "creationTimestamp": None}
    if seen.ends_initial:
        metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
    kind, version = resource.kind.kind, resource.kind.api_version
    if form is Form.METADATA:
        kind, version = "PartialObjectMetadata", "meta.k8s.io/v1"
    elif form is Form.TABLE:
        row = {
            "cells": [],
            "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata},
        }
        empty = table(resource, [], {"resourceVersion": str(seen.version)}, now, headed=False)
        return encode({**empty, "rows": [row]})
    return encode({"kind": kind, "apiVersion": version, "metadata": metadata})
