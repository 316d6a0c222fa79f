"""TLS inside of TLS, for a proxy that is itself spoken to over TLS: the ssl module wraps no socket twice."""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Callable
from typing import Any, TypeVar, cast

from kelos.errors import UserError

CHUNK_BYTES = 64 * 1024

T = TypeVar("T")


def cover(sock: socket.socket, host: str) -> ssl.SSLSocket:
    """The way to the proxy, encrypted, its certificate checked against what the runner trusts."""
    try:
        return ssl.create_default_context().wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise UserError(
            f"The certificate of the proxy {host} is not trusted ({error.verify_message}): "
            "add its authority to the runner's trust store"
        ) from error


class InnerSocket:
    """As much of a socket as http.client needs. One thread at a time may use it."""

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, server_name: str) -> None:
        self._outer = outer
        self._from_server, self._to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._from_server, self._to_server, server_hostname=server_name)
        self._readers, self._is_closed = 0, False
        self._carry(self._tls.do_handshake)

    def sendall(self, data: Any) -> None:
        view = memoryview(data).cast("B")
        while view:
            view = view[self._carry(lambda part=view: self._tls.write(part)) :]  # type: ignore[misc]

    def recv_into(self, buffer: Any) -> int:
        try:
            count: Any = self._carry(lambda: self._tls.read(len(buffer), buffer))
            return int(count)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return 0

    def makefile(self, mode: str, buffering: int | None = None) -> io.BufferedReader:
        """http.client closes the connection while it still reads the answer, so that readers keep it open."""
        self._readers += 1
        return io.BufferedReader(socket.SocketIO(cast(socket.socket, self), "r"))

    def close(self) -> None:
        self._is_closed = True
        if self._readers == 0:
            self._outer.close()

    def _decref_socketios(self) -> None:
        self._readers -= 1
        if self._is_closed:
            self.close()

    def _carry(self, step: Callable[[], T]) -> T:
        """Do one step of the inner TLS, carrying what it has to send and what it waits for."""
        while True:
            try:
                answer = step()
            except ssl.SSLWantReadError:
                self._flush()
                if data := self._outer.recv(CHUNK_BYTES):
                    self._from_server.write(data)
                else:
                    self._from_server.write_eof()
            else:
                self._flush()
                return answer

    def _flush(self) -> None:
        if data := self._to_server.read():
            self._outer.sendall(data)
