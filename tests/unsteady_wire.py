"""A wire between one client and an API server: it can be cut, stall, lose answers, and bring errors of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

BLOCK_BYTES = 65536
ERRORS = ("500 Internal Server Error", "503 Service Unavailable", "429 Too Many Requests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """The chance of each fate, per connection; every call of the Action has a connection of its own."""

    error: float = 0.0
    refused: float = 0.0
    lost_answer: float = 0.0


class UnsteadyWire:
    """Plain HTTP on this side, TLS on the other. `state` is "through", "cut" or "stalled"."""

    def __init__(self, server: str, weather: Weather, rng: Random) -> None:
        self._target = urlsplit(server)
        self._tls = ssl.create_default_context()
        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE  # our own server, on loopback
        self._weather, self._rng = weather, rng
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._has_changed = threading.Event()
        self.state = "through"

    def __enter__(self) -> UnsteadyWire:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.turn("cut")
        self._listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def turn(self, state: str) -> None:
        """From now on; "cut" ends what is under way, too."""
        with self._lock:
            self.state = state
            there = list(self._open) if state == "cut" else []
        for one in there:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._held(client), contextlib.suppress(OSError):
            fate, state = self._rng.random(), self.state
            if state == "cut" or fate < self._weather.refused:
                return
            if fate - self._weather.refused < self._weather.error:
                client.recv(BLOCK_BYTES)
                client.sendall(_error(self._rng.choice(ERRORS)))
                return
            loses = fate - self._weather.refused - self._weather.error < self._weather.lost_answer
            raw = socket.create_connection((self._target.hostname or "", self._target.port or 443))
            with self._tls.wrap_socket(raw) as server, self._held(server):
                threading.Thread(target=self._pump, args=(client, server), daemon=True).start()
                self._pump(server, client, loses=loses)

    def _pump(self, source: socket.socket, sink: socket.socket, *, loses: bool = False) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := source.recv(BLOCK_BYTES):
                if loses:
                    break
                if self.state == "stalled":
                    continue
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _held(self, one: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(one)
        try:
            with one:
                yield
        finally:
            with self._lock:
                self._open.discard(one)


def _error(line: str) -> bytes:
    code = int(line.split()[0])
    body = json.dumps({"kind": "Status", "code": code, "message": "bad weather"}).encode()
    head = (
        f"HTTP/1.1 {line}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
