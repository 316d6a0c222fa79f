"""Opens one HTTP connection, trusting and signing as the kubeconfig says."""

from __future__ import annotations

import http.client
import os
import ssl
import tempfile
from urllib.parse import urlsplit

from kelos.action.api.proxy import Proxy, open_socket
from kelos.action.api.target import Signature, Target
from kelos.action.api.tunnel import InnerSocket
from kelos.errors import UserError

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class PlainConnection(http.client.HTTPConnection):
    """HTTP, through a proxy where there is one."""

    def __init__(self, host: str, port: int, *, timeout: float, proxy: Proxy | None) -> None:
        super().__init__(host, port, timeout=timeout)
        self._route = (host, port, proxy, timeout)

    def connect(self) -> None:
        self.sock = open_socket(*self._route)


class TlsConnection(PlainConnection):
    """HTTPS. The server's certificate is checked against `server_name`, which need not be the host."""

    default_port = 443

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout: float,
        proxy: Proxy | None,
        context: ssl.SSLContext,
        server_name: str,
    ) -> None:
        super().__init__(host, port, timeout=timeout, proxy=proxy)
        self._trust = context
        self._server_name = server_name

    def connect(self) -> None:
        super().connect()
        way = self.sock
        try:
            if isinstance(way, ssl.SSLSocket):
                self.sock = InnerSocket(way, self._trust, self._server_name)
            else:
                self.sock = self._trust.wrap_socket(way, server_hostname=self._server_name)
        except BaseException:
            way.close()
            raise


def connect(target: Target, signature: Signature, timeout: float) -> http.client.HTTPConnection:
    """An unopened connection; `timeout` counts for the handshake and for every read."""
    address = urlsplit(target.server)
    host = address.hostname or ""
    if address.scheme == "http":
        if signature.authorization and host not in LOOPBACK:
            raise UserError(f"The kubeconfig would send a token to {target.server} without TLS: use an https:// server")
        return PlainConnection(host, address.port or 80, timeout=timeout, proxy=target.proxy)
    return TlsConnection(
        host,
        address.port or 443,
        timeout=timeout,
        proxy=target.proxy,
        context=_context(target, signature),
        server_name=target.tls_server_name or host,
    )


def _context(target: Target, signature: Signature) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=target.ca.decode() if target.ca else None)
    except (ssl.SSLError, ValueError) as error:
        raise UserError(f"{target.trust_setting} is not PEM: copy it again, whole") from error
    if target.ca:
        # From Python 3.13 on authorities must have what those of many clusters lack; kubectl takes them.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if target.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if signature.certificate:
        _present(context, signature)
    return context


def _present(context: ssl.SSLContext, signature: Signature) -> None:
    """The ssl module reads certificates from files only: a private one, gone again at once."""
    descriptor, path = tempfile.mkstemp(prefix="kelos-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(signature.certificate + b"\n" + signature.key)
        context.load_cert_chain(path)
    except (ssl.SSLError, ValueError) as error:
        raise UserError("The client certificate and key do not fit each other: copy the kubeconfig again") from error
    finally:
        os.unlink(path)
