"""Keys and certificates of one control plane, as short-lived as the plane itself."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
SERVER_ADDRESSES = ("127.0.0.1", "10.96.0.1")
NODE_NAME = "real-node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The files of a certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Pki:
    """Everything the programs prove themselves with."""

    authority: Pair
    server: Pair
    admin: Pair
    controller_manager: Pair
    kubelet_client: Pair
    front_proxy: Pair
    scheduler: Pair
    kube_proxy: Pair
    node: Pair
    service_accounts: Pair


def create_pki(folder: Path, now: datetime, address: str = SERVER_ADDRESSES[0], *, is_strict: bool = True) -> Pki:
    """Write a fresh authority and everything it signs into `folder`; servers are believed at `address` too.

    An authority that is not strict says nothing of its usage, as those of many clusters.
    """
    folder.mkdir(mode=0o700)
    authority = _Authority(folder, now, [*SERVER_ADDRESSES, address], is_strict=is_strict)
    return Pki(
        authority=authority.pair,
        server=authority.issue("kube-apiserver", server=True),
        admin=authority.issue("admin", organization="system:masters"),
        controller_manager=authority.issue("system:kube-controller-manager"),
        kubelet_client=authority.issue("kube-apiserver-kubelet-client", organization="system:masters"),
        front_proxy=authority.issue("front-proxy-client"),
        scheduler=authority.issue("system:kube-scheduler"),
        kube_proxy=authority.issue("system:kube-proxy"),
        node=authority.issue(f"system:node:{NODE_NAME}", organization="system:nodes"),
        service_accounts=authority.issue("service-accounts"),
    )


class _Authority:
    def __init__(self, folder: Path, now: datetime, addresses: Sequence[str], *, is_strict: bool) -> None:
        self._server_names = _server_names(addresses)
        self._folder = folder
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("kelos-test-ca", None)
        builder = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        if is_strict:
            builder = builder.add_extension(key_usage(may_sign=True), critical=True)
        self.pair = self._write("ca", builder.sign(self._key, hashes.SHA256()), self._key)

    def issue(self, common_name: str, *, organization: str | None = None, server: bool = False) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            self._builder(_name(common_name, organization), key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if server:
            builder = builder.add_extension(x509.SubjectAlternativeName(self._server_names), critical=False)
        return self._write(common_name.replace(":", "-"), builder.sign(self._key, hashes.SHA256()), key)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - timedelta(hours=1))
            .not_valid_after(self._now + timedelta(days=7))
            .add_extension(identifier, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
        pair = Pair(certificate=self._folder / f"{name}.crt", key=self._folder / f"{name}.key")
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pair.key.touch(mode=0o600)
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )
        return pair


def key_usage(*, may_sign: bool = False) -> x509.KeyUsage:
    """What every handshake needs; `may_sign` for who vouches for others."""
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=may_sign,
        crl_sign=may_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str, organization: str | None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _server_names(addresses: Sequence[str]) -> Sequence[x509.GeneralName]:
    numbers = [x509.IPAddress(ipaddress.ip_address(address)) for address in dict.fromkeys(addresses)]
    return [*(x509.DNSName(name) for name in SERVER_NAMES), *numbers]
