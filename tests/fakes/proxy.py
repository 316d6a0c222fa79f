"""A proxy as companies put them in front of their runners: HTTP CONNECT and SOCKS 5 on one port, CONNECT over TLS."""

from __future__ import annotations

import base64
import selectors
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

WAIT_SECONDS = 20.0


@dataclass
class FakeProxy:
    """Whom it knows, what it was asked for, and what it says instead of connecting. With `tls` it is spoken to so."""

    user: str = ""
    password: str = ""
    refusal: bytes = b""
    names: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    port: int = 0

    def url(self, scheme: str = "http") -> str:
        signed = f"{self.user}:{self.password}@" if self.user else ""
        return f"{scheme}://{signed}127.0.0.1:{self.port}"


@contextmanager
def fake_proxy() -> Iterator[FakeProxy]:
    """A proxy on a free port of loopback, gone at the end."""
    fake = FakeProxy()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                client = self.request
                if fake.tls is not None:
                    client.settimeout(WAIT_SECONDS)
                    client = fake.tls.wrap_socket(client, server_side=True)
                with client:
                    _serve(fake, client)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        fake.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join(WAIT_SECONDS)


def _serve(fake: FakeProxy, client: socket.socket) -> None:
    client.settimeout(WAIT_SECONDS)
    is_socks = fake.tls is None and client.recv(1, socket.MSG_PEEK) == b"\x05"
    target = _socks(fake, client) if is_socks else _connect(fake, client)
    if target is None:
        return
    with socket.create_connection((fake.names.get(target[0], target[0]), target[1]), WAIT_SECONDS) as server:
        _copy_both_ways(client, server)


def _connect(fake: FakeProxy, client: socket.socket) -> tuple[str, int] | None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    first, *fields = head.decode().split("\r\n")
    fake.asked.append(first)
    word = base64.b64encode(f"{fake.user}:{fake.password}".encode()).decode()
    if fake.user and f"Proxy-Authorization: Basic {word}" not in fields:
        client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        return None
    if fake.refusal:
        client.sendall(fake.refusal)
        return None
    client.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n")
    host, _, port = first.split(" ")[1].rpartition(":")
    return host, int(port)


def _socks(fake: FakeProxy, client: socket.socket) -> tuple[str, int] | None:
    methods = client.recv(client.recv(2)[1])
    if fake.user:
        client.sendall(b"\x05\x02" if 2 in methods else b"\x05\xff")
        if 2 not in methods:
            return None
        user = client.recv(client.recv(2)[1]).decode()
        password = client.recv(client.recv(1)[0]).decode()
        client.sendall(b"\x01\x00" if (user, password) == (fake.user, fake.password) else b"\x01\x01")
        if (user, password) != (fake.user, fake.password):
            return None
    else:
        client.sendall(b"\x05\x00")
    host = client.recv(client.recv(5)[4]).decode()
    port = int.from_bytes(client.recv(2), "big")
    fake.asked.append(f"SOCKS {host}:{port}")
    if fake.refusal:
        client.sendall(fake.refusal)
        return None
    client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
    return host, port


def _copy_both_ways(client: socket.socket, server: socket.socket) -> None:
    """In one thread, for two may not use one TLS connection. Whoever ends first ends both."""
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ, server)
        selector.register(server, selectors.EVENT_READ, client)
        while ready := selector.select(WAIT_SECONDS):
            for key, _ in ready:
                source: socket.socket = key.fileobj  # type: ignore[assignment]
                while True:
                    data = source.recv(65536)
                    if not data:
                        return
                    key.data.sendall(data)
                    if not (isinstance(source, ssl.SSLSocket) and source.pending()):
                        break
