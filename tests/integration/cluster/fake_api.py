"""A raw HTTP server that a test scripts request by request: it can also be silent, break off, or lie."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kelos.cluster.access import ClusterAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def is_watch(self) -> bool:
        return self.query.get("watch") == "true"

    def json(self) -> Any:
        return json.loads(self.body)


class Reply:
    """The way back to the client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.keeps_connection = True

    async def json(self, value: object, status: int = 200, **headers: str) -> None:
        await self.raw(json.dumps(value).encode(), status, **{"Content-Type": "application/json", **headers})

    async def status(self, code: int, reason: str, message: str = "no", **headers: str) -> None:
        value = {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message}
        await self.json(value, code, **headers)

    async def raw(self, body: bytes, status: int = 200, **headers: str) -> None:
        self._head(status, {"Content-Length": str(len(body)), **headers})
        self._writer.write(body)
        await self._writer.drain()

    async def start(self) -> None:
        """Begin an answer that comes in pieces."""
        self._head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
        await self._writer.drain()

    async def piece(self, data: bytes) -> None:
        self._writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self._writer.drain()

    async def event(self, type_: str, object_: Mapping[str, Any]) -> None:
        await self.piece(json.dumps({"type": type_, "object": object_}).encode() + b"\n")

    async def end(self) -> None:
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    async def close(self) -> None:
        """Break the connection off, whatever was promised."""
        self.keeps_connection = False

    async def silence(self) -> None:
        """Keep the connection open and never say anything again."""
        await asyncio.Event().wait()

    async def closed(self) -> None:
        """Wait until the client hangs up."""
        await self._reader.read()

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} x", *(f"{name}: {value}" for name, value in headers.items())]
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")


Script = Callable[[Request, Reply], Awaitable[None]]


class FakeApi:
    """The server; `script` may be exchanged while it runs."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self._tls = tls
        self.requests: list[Request] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def access(self) -> ClusterAccess:
        scheme = "https" if self._tls else "http"
        return ClusterAccess(server=f"{scheme}://127.0.0.1:{self.port}", user={"token": "s3cr3t-t0ken"})

    async def start(self) -> None:
        """Listen; after `stop`, on the same port again."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections and break those that are open."""
        if self._server:
            self._server.close()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._connections.discard(connection)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            url = urlsplit(target)
            request = Request(
                method=method,
                path=url.path,
                query={name: values[0] for name, values in parse_qs(url.query).items()},
                headers=headers,
                body=await reader.readexactly(int(headers.get("content-length", 0))),
                at=asyncio.get_running_loop().time(),
            )
            self.requests.append(request)
            reply = Reply(reader, writer)
            await self.script(request, reply)
            if not reply.keeps_connection:
                return


@asynccontextmanager
async def fake_api(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeApi]:
    """A running server."""
    api = FakeApi(script, tls)
    await api.start()
    try:
        yield api
    finally:
        await api.stop()
