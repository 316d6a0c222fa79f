"""One question to GitHub, over HTTPS and through the runner's proxy; the token goes nowhere else."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from kelos.action.api.connection import LOOPBACK, PlainConnection, TlsConnection
from kelos.action.api.proxy import Proxy
from kelos.errors import RemoteError, UserError

ANSWER_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; `data` is empty when it was no JSON object."""

    status: int
    headers: Mapping[str, str]
    data: Mapping[str, Any] = field(repr=False)


def ask(url: str, headers: Mapping[str, str], *, proxy: Proxy | None, timeout: float) -> Answer:
    """GET, following no redirects. RemoteError when nothing came back, UserError when the way there is not safe."""
    parts = urlsplit(url)
    connection = _connection(url, proxy, timeout)
    try:
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request("GET", path, headers={"User-Agent": "kelos-action", **headers})
        response = connection.getresponse()
        text = response.read(ANSWER_LIMIT_BYTES)
        fields = {name.lower(): value for name, value in response.getheaders()}
    except ssl.SSLCertVerificationError as error:
        raise UserError(
            f"The certificate of {parts.netloc} is not trusted ({error.verify_message}): "
            "add its authority to the runner's trust store"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise RemoteError(f"{parts.netloc} did not answer: {why}") from error
    finally:
        connection.close()
    return Answer(status=response.status, headers=fields, data=_object(text))


def _connection(url: str, proxy: Proxy | None, timeout: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http" and host in LOOPBACK:
        return PlainConnection(host, parts.port or 80, timeout=timeout, proxy=proxy)
    if parts.scheme != "https":
        raise UserError(f"A token would be sent to {parts.netloc or url} without TLS: use an https:// address")
    return TlsConnection(
        host,
        parts.port or 443,
        timeout=timeout,
        proxy=proxy,
        context=ssl.create_default_context(),
        server_name=host,
    )


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
