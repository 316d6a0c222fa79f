"""Opens one HTTP connection to the API server, trusting and signing as the kubeconfig says."""

from __future__ import annotations

import http.client
import os
import ssl
import tempfile
from urllib.parse import urlsplit

from kelos.action.api.credentials import Signature
from kelos.action.api.kubeconfig import Target
from kelos.errors import UserError

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def connect(target: Target, signature: Signature, timeout: float) -> http.client.HTTPConnection:
    """An unopened connection; `timeout` counts for the handshake and for every read."""
    address = urlsplit(target.server)
    host = address.hostname or ""
    if address.scheme == "http":
        if signature.authorization and host not in LOOPBACK:
            raise UserError(f"The kubeconfig would send a token to {target.server} without TLS: use an https:// server")
        return http.client.HTTPConnection(host, address.port or 80, timeout=timeout)
    return _TlsConnection(
        host,
        address.port or 443,
        timeout=timeout,
        context=_context(target, signature),
        server_name=target.tls_server_name or host,
    )


class _TlsConnection(http.client.HTTPSConnection):
    """Checks the server's certificate against another name than the host's, when the kubeconfig says so."""

    def __init__(self, host: str, port: int, *, timeout: float, context: ssl.SSLContext, server_name: str) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._trust = context
        self._server_name = server_name

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._trust.wrap_socket(self.sock, server_hostname=self._server_name)


def _context(target: Target, signature: Signature) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=target.ca.decode() if target.ca else None)
    except (ssl.SSLError, ValueError) as error:
        raise UserError(
            "The kubeconfig's certificate-authority is not PEM: copy the kubeconfig again, whole"
        ) from error
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
        raise UserError("The kubeconfig's client certificate and key do not fit: copy the kubeconfig again") from error
    finally:
        os.unlink(path)
