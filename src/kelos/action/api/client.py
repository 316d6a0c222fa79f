"""The few verbs of the Kubernetes API that the Action needs, each as one call or one stream of lines."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode

from kelos.action.api.connection import connect
from kelos.action.api.credentials import Credentials
from kelos.action.api.patience import retry_after_seconds
from kelos.action.api.target import Signature, Target
from kelos.api.checks import excerpt
from kelos.api.kinds import Kind, Manifest
from kelos.errors import Unauthorized, Unavailable, Unreached, UserError, cluster_error

CALL_SECONDS = 20.0
LINE_LIMIT_BYTES = 8 * 1024 * 1024  # an event holds a whole object; a longer line is an attack or a fault
MERGE_PATCH = "application/merge-patch+json"
Query = Mapping[str, str]


class Api:
    """One cluster. Every call opens its own connection, so threads share nothing but the credentials."""

    def __init__(self, target: Target, credentials: Credentials) -> None:
        self.target = target
        self.credentials = credentials

    def create(self, kind: Kind, namespace: str, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """POST; never tried again here, because only the caller knows whether the first one counted.

        A misspelt field is refused, where the server would drop it by default.
        """
        query = {"fieldManager": "kelos-action", "fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}
        return self._call("POST", kind.path(namespace), query=query, body=manifest)

    def get(self, kind: Kind, namespace: str, name: str, *, timeout: float = CALL_SECONDS) -> Manifest:
        return self._call("GET", kind.path(namespace, name), timeout=timeout)

    def list(self, kind: Kind, namespace: str, query: Query) -> Manifest:
        return self._call("GET", kind.path(namespace), query=query)

    def patch(
        self, kind: Kind, namespace: str, name: str, patch: Manifest, *, timeout: float = CALL_SECONDS
    ) -> Manifest:
        """A merge patch."""
        return self._call("PATCH", kind.path(namespace, name), body=patch, content_type=MERGE_PATCH, timeout=timeout)

    def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str = "", timeout: float = CALL_SECONDS
    ) -> Manifest:
        """With a uid no other object of that name; its children go after it."""
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"} if uid else None
        return self._call("DELETE", kind.path(namespace, name), body=body, timeout=timeout)

    @contextmanager
    def lines(self, path: str, query: Query, *, silence_seconds: float) -> Iterator[Iterator[bytes]]:
        """The lines of a stream; a server silent for longer than `silence_seconds` counts as gone."""
        with self._response("GET", path, query=query, timeout=silence_seconds) as response:
            yield _lines(response)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Manifest | None = None,
        content_type: str = "application/json",
        timeout: float = CALL_SECONDS,
    ) -> Manifest:
        with self._response(method, path, query=query, body=body, content_type=content_type, timeout=timeout) as answer:
            try:
                data = json.loads(answer.read())
            except (ValueError, OSError, http.client.HTTPException) as error:
                raise Unavailable(f"{self.target.server} broke off its answer to {method} {path}") from error
        if not isinstance(data, dict):
            raise Unavailable(f"{self.target.server} answered {method} {path} with something else than an object")
        return data

    @contextmanager
    def _response(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Manifest | None = None,
        content_type: str = "application/json",
        timeout: float,
    ) -> Iterator[http.client.HTTPResponse]:
        """One answer below 400; a 401 is tried once more when a fresh signature can be had."""
        address = f"{path}?{urlencode(query)}" if query else path
        payload = json.dumps(body).encode() if body is not None else None
        signature = self.credentials.signature()
        connection, response = self._send(method, address, payload, content_type, timeout, signature)
        try:
            if response.status == 401 and self.credentials.refresh(signature):
                connection.close()
                signature = self.credentials.signature()
                connection, response = self._send(method, address, payload, content_type, timeout, signature)
            if response.status >= 300:
                raise _refusal(response, method, path, self.target)
            yield response
        finally:
            connection.close()

    def _send(
        self,
        method: str,
        address: str,
        payload: bytes | None,
        content_type: str,
        timeout: float,
        signature: Signature,
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = connect(self.target, signature, timeout)
        headers = {"Accept": "application/json", "User-Agent": "kelos-action"}
        if payload is not None:
            headers["Content-Type"] = content_type
        if signature.authorization:
            headers["Authorization"] = signature.authorization
        prefix = "/" + "/".join(self.target.server.split("/")[3:]) if self.target.server.count("/") > 2 else ""
        failure: type[Unavailable] = Unreached
        try:
            connection.connect()
            failure = Unavailable
            connection.request(method, prefix + address, body=payload, headers=headers)
            return connection, connection.getresponse()
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise UserError(
                f"The certificate of {self.target.server} is not trusted ({error.verify_message}): "
                f"check {self.target.trust_setting[0].lower()}{self.target.trust_setting[1:]}"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise failure(f"{self.target.server} did not answer: {why}", status=0) from error


def _lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Lines as they come; a broken stream simply ends, because every reader starts again anyway."""
    while True:
        try:
            line = response.readline(LINE_LIMIT_BYTES)
        except (OSError, http.client.HTTPException, ValueError):
            return
        if not line:
            return
        yield line


def _refusal(response: http.client.HTTPResponse, method: str, path: str, target: Target) -> Exception:
    status: dict[str, Any] = {}
    try:
        text = response.read(64 * 1024)
        decoded = json.loads(text)
        status = decoded if isinstance(decoded, dict) else {}
    except (ValueError, OSError, http.client.HTTPException):
        pass
    message = str(status.get("message") or f"{method} {path} was answered with {response.status} {response.reason}")
    details = status.get("details") if isinstance(status.get("details"), dict) else {}
    causes = (details or {}).get("causes") or ()
    error = cluster_error(
        response.status,
        message,
        reason=str(status.get("reason") or ""),
        causes=tuple(f"{cause.get('field')}: {cause.get('message')}" for cause in causes if isinstance(cause, dict)),
        retry_after_seconds=retry_after_seconds(response.getheader("Retry-After") or "", datetime.now(timezone.utc)),
    )
    if isinstance(error, Unauthorized):
        return Unauthorized(f"The cluster does not know who is calling: {_remedy(target)}")
    return error


def _remedy(target: Target) -> str:
    if target.identity is None:
        return "the kubeconfig's credentials are wrong or expired"
    audience = excerpt(target.identity.audience)
    return f"check issuer, audience '{audience}' and claims in the API server's authentication configuration"
