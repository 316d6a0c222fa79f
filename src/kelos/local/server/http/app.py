"""The HTTP door: who may come in, which path means what, and refusals as Status objects."""

from __future__ import annotations

import hmac
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from kelos.api.kinds import Manifest
from kelos.local.server.http import discovery, openapi, reviews
from kelos.local.server.http.calls import Call, answer, read_body
from kelos.local.server.http.negotiation import JSON, decode_body, wants_aggregated_discovery
from kelos.local.server.http.paths import Target, parse_path
from kelos.local.server.logs import LogReader
from kelos.local.server.refusals import Refusal, internal_error, method_not_allowed, unauthorized, unknown_path
from kelos.local.server.verbs.plane import Plane
from kelos.local.server.verbs.watching import Watches
from kelos.local.store import encode

log = logging.getLogger(__name__)

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_HEALTH = ("/healthz", "/readyz", "/livez")
VERSION: Manifest = {
    "major": "1",
    "minor": "35",
    "gitVersion": "v1.35.0+kelos",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Answers requests with one plane."""

    plane: Plane
    logs: LogReader
    token: str
    watches: Watches

    async def answer(self, request: Request) -> Response:
        """Every answer, refusals and mistakes of ours included."""
        answer: Refusal
        try:
            return await self._answer(request)
        except Refusal as refusal:
            answer = refusal
        except Exception:
            log.exception("Request failed", extra={"method": request.method, "path": request.url.path})
            answer = internal_error()
        return Response(encode(answer.status()), status_code=answer.code, media_type=JSON)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        if path.startswith(_HEALTH):
            return PlainTextResponse("ok")
        if path == "/version":
            return _json(VERSION)
        self._check_token(request)
        if path.startswith("/openapi/"):
            return openapi.answer(self.plane.registry, path, request.headers)
        target = parse_path(path)
        if path == "/apis":
            target = Target(group="*")
        if target is None:
            raise unknown_path()
        if not target.plural:
            return self._discover(request, target)
        if kind := discovery.REVIEWS.get((target.group, target.version), {}).get(target.plural):
            if request.method != "POST":
                raise method_not_allowed()
            return _json(reviews.review(kind, await _question(request)), HTTPStatus.CREATED)
        resource = self.plane.registry.find(target.group, target.version, target.plural)
        return await answer(
            Call(
                plane=self.plane,
                watches=self.watches,
                logs=self.logs,
                request=request,
                resource=resource,
                target=target,
            )
        )

    def _check_token(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, f"Bearer {self.token}".encode()):
            raise unauthorized()

    def _discover(self, request: Request, target: Target) -> Response:
        if request.method != "GET":
            raise method_not_allowed()
        registry = self.plane.registry
        if target.version:
            return _found(discovery.resource_list(registry, target.group, target.version))
        if target.group not in ("", "*"):
            return _found(discovery.group(registry, target.group))
        is_core = target.group == ""
        if version := wants_aggregated_discovery(request.headers.get("accept", "")):
            document = discovery.aggregated(registry, version, core=is_core)
            media_type = f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
            return Response(encode(document), media_type=media_type)
        address = request.headers.get("host", "")
        return _json(discovery.api_versions(address) if is_core else discovery.group_list(registry))


def application(door: Door) -> Starlette:
    """The application: every path leads to the one door."""
    app = Starlette(routes=[Route("/{path:path}", door.answer, methods=_METHODS)])
    app.state.watches = door.watches
    app.state.token = door.token
    return app


async def _question(request: Request) -> Any:
    """What a review asks; kubectl asks in protobuf, which needs no reading: the answer is always the same."""
    raw, content_type = await read_body(request), request.headers.get("content-type", "")
    return {} if content_type.endswith("protobuf") else decode_body(raw, content_type)


def _found(document: Manifest | None) -> Response:
    if document is None:
        raise unknown_path()
    return _json(document)


def _json(document: Manifest, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(encode(document), status_code=status, media_type=JSON)
