"""Certificates that we make are good enough for Python 3.13, which looks at them more strictly than those before."""

import ssl
from datetime import datetime, timezone
from pathlib import Path

import pytest

from integration.cluster.certificates import self_signed
from kelos.local.server.certificates import new_identity
from realcluster.pki import create_pki

NOW = datetime.now(timezone.utc)


def server_of(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def strict(authority: str) -> ssl.SSLContext:
    """As `ssl.create_default_context` is from Python 3.13 on."""
    context = ssl.create_default_context(cadata=authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """Raises SSLError when one of the two does not trust the other."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for end in (asking, answering, asking, answering):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue


def test_those_of_a_local_plane() -> None:
    """Whoever has a newer Python uses its kubeconfig with the official client."""
    identity = new_identity(NOW)

    shake_hands(strict(identity.authority), identity.context)


def test_those_of_a_control_plane(tmp_path: Path) -> None:
    pki = create_pki(tmp_path / "pki", NOW)
    server, client = server_of(pki.server.certificate, pki.server.key), strict(pki.authority.certificate.read_text())
    server.load_verify_locations(pki.authority.certificate)
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_X509_STRICT
    client.load_cert_chain(pki.admin.certificate, pki.admin.key)

    shake_hands(client, server)


def test_one_that_nobody_vouches_for(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)

    shake_hands(strict(certificate.read_text()), server_of(certificate, key))


def test_one_without_usage_is_refused(tmp_path: Path) -> None:
    """Else this would prove nothing."""
    pki = create_pki(tmp_path / "pki", NOW, is_strict=False)
    server = server_of(pki.server.certificate, pki.server.key)

    with pytest.raises(ssl.SSLCertVerificationError, match="key usage"):
        shake_hands(strict(pki.authority.certificate.read_text()), server)
