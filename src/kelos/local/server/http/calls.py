"""One HTTP request on one resource: the verb it stands for, and the answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kelos.api.kinds import Manifest
from kelos.cluster.protocol import PatchType
from kelos.local.server.http.negotiation import JSON, Form, choose_form, decode_body
from kelos.local.server.http.paths import Target
from kelos.local.server.http.queries import delete_options, flag, list_options, watch_options, write_options
from kelos.local.server.http.streams import stream_log, stream_watch
from kelos.local.server.http.tables import list_body, object_body
from kelos.local.server.logs import LogReader
from kelos.local.server.refusals import method_not_allowed, too_large, unknown_path, unsupported_media_type
from kelos.local.server.resources import Resource
from kelos.local.server.verbs.deleting import delete, delete_collection
from kelos.local.server.verbs.options import Deleted, Written
from kelos.local.server.verbs.patching import patch
from kelos.local.server.verbs.plane import Plane
from kelos.local.server.verbs.pods import bind, evict
from kelos.local.server.verbs.reading import find, list_entries
from kelos.local.server.verbs.watching import Watches
from kelos.local.server.verbs.writing import create, replace
from kelos.local.store import encode

BODY_LIMIT_BYTES = 3 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request with everything its answer needs."""

    plane: Plane
    watches: Watches
    logs: LogReader
    request: Request
    resource: Resource
    target: Target

    @property
    def namespace(self) -> str | None:
        return self.target.namespace or None

    @property
    def query(self) -> dict[str, str]:
        return dict(self.request.query_params)

    @property
    def form(self) -> Form:
        return choose_form(self.request.headers.get("accept", ""))

    async def body(self) -> Any:
        """The decoded body, None when there is none."""
        raw = await read_body(self.request)
        return decode_body(raw, self.request.headers.get("content-type", "")) if raw else None


async def answer(call: Call) -> Response:
    """Do what the request asks. Raises a refusal."""
    _check_subresource(call)
    place = "object" if call.target.name else "collection"
    if (act := _ACTIONS.get((call.request.method, place))) is None:
        raise method_not_allowed()
    if call.target.subresource in _POD_ACTIONS:
        act = _POD_ACTIONS[call.target.subresource]
    return await act(call)


async def read_body(request: Request) -> bytes:
    """The raw body. Raises too-large before all of it is in memory."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_LIMIT_BYTES:
            raise too_large(BODY_LIMIT_BYTES)
        chunks.append(chunk)
    return b"".join(chunks)


def _check_subresource(call: Call) -> None:
    name = call.target.subresource
    if name and name not in call.resource.subresources:
        raise unknown_path()
    if call.target.namespace and not call.resource.kind.namespaced:
        raise unknown_path()
    if call.target.name and call.resource.kind.namespaced and not call.target.namespace:
        raise unknown_path()


async def _list(call: Call) -> Response:
    if flag(call.query, "watch"):
        return _watch(call)
    listed = list_entries(call.plane.store, call.resource, call.namespace, list_options(call.query))
    include = call.query.get("includeObject", "")
    return _json(list_body(call.resource, listed, call.form, call.plane.now(), include))


async def _get(call: Call) -> Response:
    if flag(call.query, "watch"):
        return _watch(call)
    entry = find(call.plane.store, call.resource, call.namespace, call.target.name)
    return _object(call, call.resource.from_storage(entry.manifest))


def _watch(call: Call) -> Response:
    options = watch_options(call.query, call.target.name)
    include = call.query.get("includeObject", "")
    return stream_watch(call.plane, call.watches, call.resource, call.namespace, options, call.form, include)


async def _create(call: Call) -> Response:
    options = write_options(call.query, call.request.headers.get("user-agent", ""))
    return _written(call, create(call.plane, call.resource, call.namespace, await call.body(), options))


async def _replace(call: Call) -> Response:
    options = write_options(call.query, call.request.headers.get("user-agent", ""))
    body, target = await call.body(), call.target
    written = replace(call.plane, call.resource, call.namespace, target.name, body, options, target.subresource)
    return _written(call, written)


async def _patch(call: Call) -> Response:
    media_type = call.request.headers.get("content-type", "").partition(";")[0].strip()
    if media_type not in (kind.value for kind in PatchType):
        raise unsupported_media_type(media_type, [kind.value for kind in PatchType])
    options = write_options(call.query, call.request.headers.get("user-agent", ""))
    body, target = await call.body(), call.target
    kind = PatchType(media_type)
    return _written(
        call, patch(call.plane, call.resource, call.namespace, target.name, body, kind, options, target.subresource)
    )


async def _delete(call: Call) -> Response:
    options = delete_options(call.query, await call.body())
    return _deleted(call, delete(call.plane, call.resource, call.namespace, call.target.name, options))


async def _delete_collection(call: Call) -> Response:
    options = delete_options(call.query, await call.body())
    gone = delete_collection(call.plane, call.resource, call.namespace, list_options(call.query), options)
    body = {
        "kind": call.resource.list_kind,
        "apiVersion": call.resource.kind.api_version,
        "metadata": {"resourceVersion": str(call.plane.store.version)},
        "items": gone,
    }
    return _json(encode(body))


async def _log(call: Call) -> Response:
    return await stream_log(call.plane, call.logs, call.resource, call.target, call.query)


async def _bind(call: Call) -> Response:
    bind(call.plane, call.resource, call.namespace, call.target.name, await call.body())
    return _json(encode(success()), HTTPStatus.CREATED)


async def _evict(call: Call) -> Response:
    evict(call.plane, call.resource, call.namespace, call.target.name, await call.body())
    return _json(encode(success()), HTTPStatus.CREATED)


Action = Callable[[Call], Awaitable[Response]]
_ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "collection"): _list,
    ("GET", "object"): _get,
    ("POST", "collection"): _create,
    ("POST", "object"): _create,
    ("PUT", "object"): _replace,
    ("PATCH", "object"): _patch,
    ("DELETE", "object"): _delete,
    ("DELETE", "collection"): _delete_collection,
}
_POD_ACTIONS: dict[str, Action] = {"log": _log, "binding": _bind, "eviction": _evict}


def success(details: Manifest | None = None) -> Manifest:
    """The Status of something that went well and leaves nothing to show."""
    about = {"details": details} if details else {}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", **about}


def _written(call: Call, written: Written) -> Response:
    response = _object(call, written.manifest, HTTPStatus.CREATED if written.created else HTTPStatus.OK)
    for warning in written.warnings:
        # JSON's quoting is that of headers, and leaves no control character as it is.
        response.headers.append("Warning", f"299 - {json.dumps(warning)}")
    return response


def _deleted(call: Call, deleted: Deleted) -> Response:
    if not deleted.gone or call.resource.returns_deleted:
        return _object(call, deleted.manifest)
    kind, metadata = call.resource.kind, deleted.manifest["metadata"]
    group = {"group": kind.group} if kind.group else {}
    return _json(encode(success({"name": metadata["name"], **group, "kind": kind.plural, "uid": metadata["uid"]})))


def _object(call: Call, manifest: Manifest, status: HTTPStatus = HTTPStatus.OK) -> Response:
    include = call.query.get("includeObject", "")
    return _json(object_body(call.resource, manifest, call.form, call.plane.now(), include), status)


def _json(body: bytes, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(body, status_code=status, media_type=JSON)
