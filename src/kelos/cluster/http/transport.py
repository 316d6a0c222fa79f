"""HTTP to one API server: connections, TLS, time limits, and every way it can fail as a ClusterError."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from yarl import URL

from kelos.api.kinds import Manifest
from kelos.cluster.access import ClusterAccess, embedded, proxy_for
from kelos.cluster.http import answers
from kelos.cluster.http.credentials import Credentials
from kelos.errors import ClusterError, Unavailable, UserError

CONNECT_SECONDS = 10
READ_BUFFER_BYTES = 2**20
USER_AGENT = "kelos"
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""Seconds of silence before the kernel asks the peer, between two questions, and how many stay unanswered."""


class Stream:
    """The body of one answer as it comes; a break in it is Unavailable."""

    def __init__(self, response: aiohttp.ClientResponse, transport: Transport) -> None:
        self._response = response
        self._transport = transport

    async def chunks(self) -> AsyncGenerator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._transport.unavailable(error) from None

    async def lines(self) -> AsyncGenerator[bytes]:
        """Whole lines of any length; what comes after the last newline is a line too."""
        parts: list[bytes] = []
        async for chunk in self.chunks():
            *ended, rest = chunk.split(b"\n")
            for end in ended:
                if line := b"".join((*parts, end)):
                    yield line
                parts.clear()
            if rest:
                parts.append(rest)
        if parts:
            yield b"".join(parts)


class Transport:
    """Requests to one API server with one user's credentials."""

    def __init__(
        self, access: ClusterAccess, credentials: Credentials, session: aiohttp.ClientSession, timeout_seconds: float
    ) -> None:
        self.server = access.server
        self.timeout_seconds = timeout_seconds
        self._credentials = credentials
        self._session = session
        proxy = str(access.cluster.get("proxy-url") or "") or proxy_for(access.server, os.environ)
        self._options: dict[str, Any] = {"allow_redirects": False}
        if proxy:
            self._options["proxy"] = proxy
        if name := access.cluster.get("tls-server-name"):
            self._options["server_hostname"] = str(name)

    @classmethod
    async def open(cls, access: ClusterAccess, *, timeout_seconds: float) -> Self:
        """Read the certificates and get the first token. Raises UserError."""
        if str(access.cluster.get("proxy-url") or "http:").partition(":")[0] not in ("http", "https"):
            raise UserError(
                f"The proxy-url of {access.origin} must start with http:// or https://; no other kind works"
            )
        tls = _tls(access)
        credentials = Credentials(access, tls)
        await credentials.header()
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=0, keepalive_timeout=60, socket_factory=watchful_socket),
            read_bufsize=READ_BUFFER_BYTES,
            # Proxies are settled once, by `proxy_for`: aiohttp would ask at every request, and read ~/.netrc.
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json", "User-Agent": USER_AGENT},
        )
        # It would also send PUT and DELETE again when a connection broke; `request` decides that here.
        session._retry_connection = False
        return cls(access, credentials, session, timeout_seconds)

    async def close(self) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: object = None,
        content_type: str = "application/json",
    ) -> Manifest:
        """One answer, decoded. A GET whose connection broke is sent once more; nothing else is sent twice."""
        data = None if body is None else json.dumps(body).encode()
        timeout = aiohttp.ClientTimeout(total=self.timeout_seconds, sock_connect=CONNECT_SECONDS)
        for is_last in (method != "GET", True):
            try:
                async with self._send(method, path, query, timeout, data, content_type) as response:
                    content = await response.read()
                return answers.decoded(content, server=self.server, method=method, path=path)
            except (aiohttp.ClientConnectorError, TimeoutError) as error:
                raise self.unavailable(error) from None
            except aiohttp.ClientError as error:
                if is_last:
                    raise self.unavailable(error) from None
        raise AssertionError("the last attempt returns or raises")

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], *, timeout_seconds: float | None
    ) -> AsyncIterator[Stream]:
        """An answer that is read as it comes, for at most `timeout_seconds` altogether."""
        timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=CONNECT_SECONDS)
        try:
            async with self._send("GET", path, query, timeout) as response:
                try:
                    yield Stream(response, self)
                finally:
                    # Whoever leaves early must not wait for a TLS goodbye from a server that may be dead.
                    if response.connection is not None and response.connection.transport is not None:
                        response.connection.transport.abort()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self.unavailable(error) from None

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        timeout: aiohttp.ClientTimeout,
        data: bytes | None = None,
        content_type: str = "",
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer, once it is a success. A refused token is renewed and tried once more: nothing was done yet."""
        url = URL(self.server + path, encoded=True)
        for is_last in (False, True):
            header = await self._credentials.header()
            headers = {"Authorization": header} if header else {}
            if data is not None:
                headers["Content-Type"] = content_type
            async with self._session.request(
                method, url, params=query, data=data, headers=headers, timeout=timeout, **self._options
            ) as response:
                if 200 <= response.status < 300:
                    yield response
                    return
                error = await self._refusal(response, method, path)
            if is_last or error.status != 401 or not await self._credentials.replace(header):
                raise error

    async def _refusal(self, response: aiohttp.ClientResponse, method: str, path: str) -> ClusterError:
        return answers.refusal(
            server=self.server,
            method=method,
            path=path,
            status=response.status,
            body=await response.read(),
            retry_after=response.headers.get("Retry-After", ""),
        )

    def unavailable(self, error: Exception) -> Unavailable:
        """The same failure in our words; theirs may quote a proxy's password."""
        return Unavailable(f"{self.server} cannot be reached: {_why(error)}", status=0)


def watchful_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket on which the kernel finds a vanished peer in a minute: a followed log may be silent for hours."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


def _why(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "it did not answer in time; check the network and the server's load"
        case aiohttp.ClientConnectorDNSError():
            return "its name does not resolve; check the address"
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not trusted; check the certificate-authority of the cluster"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "TLS failed; check that the address and the certificates belong together"
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return "the proxy refused; check the proxy settings"
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            return f"{os.strerror(number) if number else 'no connection'}; check the address and that it runs"
        case _:
            return "the connection broke"


def _tls(access: ClusterAccess) -> ssl.SSLContext:
    authority = embedded(access.cluster, "certificate-authority")
    path = access.cluster.get("certificate-authority")
    try:
        tls = ssl.create_default_context(
            cafile=str(path) if path and not authority else None, cadata=authority.decode() if authority else None
        )
    except (ssl.SSLError, OSError, UnicodeDecodeError):
        raise UserError(f"The certificate-authority of {access.origin} is not a PEM certificate; renew it") from None
    # Kubernetes authorities often lack the extensions that Python 3.13 insists on and that kubectl does not.
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if access.cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls
