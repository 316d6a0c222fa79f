"""The credentials of a kubeconfig's user: an Authorization header that renews itself, and a client certificate."""

from __future__ import annotations

import asyncio
import base64
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kelos.cluster.access import ClusterAccess, embedded
from kelos.cluster.http.plugins import run_plugin
from kelos.errors import Unauthorized, UserError

TOKEN_FILE_SECONDS = 60
EARLY_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a source of credentials gave; `until` is wall-clock time, None for ever."""

    header: str = ""
    certificate: str = ""
    key: str = ""
    until: float | None = None


Source = Callable[[], Awaitable[Grant]]


class Credentials:
    """One user's credentials. A renewed client certificate counts for connections opened after it came."""

    def __init__(self, access: ClusterAccess, tls: ssl.SSLContext, now: Callable[[], float] = time.time) -> None:
        self._source = _source(access, now)
        self._origin = access.origin
        self._tls = tls
        self._now = now
        self._grant: Grant | None = None
        self._renewing = asyncio.Lock()
        load_certificate(access, tls)

    async def header(self) -> str:
        """The Authorization header, empty for none. Raises UserError the first time, Unauthorized later."""
        if self._needs_renewal():
            async with self._renewing:
                if self._needs_renewal():
                    await self._renew()
        return self._grant.header if self._grant else ""

    async def replace(self, refused: str) -> bool:
        """Whether there is another header to try, now that the server refused this one."""
        if self._grant is None or self._grant.until is None:
            return False
        async with self._renewing:
            if self._grant.header == refused:
                await self._renew()
        return self._grant.header != refused

    def _needs_renewal(self) -> bool:
        return self._grant is None or (self._grant.until is not None and self._now() >= self._grant.until)

    async def _renew(self) -> None:
        try:
            grant = await self._source()
            _check(grant, self._origin)
        except UserError as error:
            if self._grant is None:
                raise
            raise Unauthorized(str(error)) from error
        if grant.certificate:
            _load_chain(self._tls, grant.certificate.encode(), grant.key.encode())
        self._grant = grant


def _check(grant: Grant, origin: str) -> None:
    if not (grant.header.isascii() and grant.header.isprintable()):
        raise UserError(f"The token of {origin} has characters that no header may carry; write it without line breaks")


def load_certificate(access: ClusterAccess, tls: ssl.SSLContext) -> None:
    """Present the client certificate that the kubeconfig embeds or names. Raises UserError."""
    user = access.user
    certificate = _content(user, "client-certificate")
    key = _content(user, "client-key")
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise UserError(f"{access.origin} has only one of client-certificate and client-key; add the other")
    try:
        _load_chain(tls, certificate, key)
    except (ssl.SSLError, OSError):
        raise UserError(f"The client certificate and key of {access.origin} are not a PEM pair; renew them") from None


def _content(user: Mapping[str, Any], setting: str) -> bytes | None:
    data = embedded(user, setting)
    return Path(user[setting]).read_bytes() if data is None and user.get(setting) else data


def _load_chain(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    # The ssl module reads these from a file only; it lives as long as this call.
    with tempfile.NamedTemporaryFile(prefix="kelos-") as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        tls.load_cert_chain(file.name, password="")


def _source(access: ClusterAccess, now: Callable[[], float]) -> Source:
    user = access.user
    if user.get("tokenFile"):
        return lambda: _from_token_file(Path(user["tokenFile"]), access.origin, now)
    if user.get("token"):
        return lambda: _forever(f"Bearer {user['token']}")
    if user.get("exec"):
        return lambda: _from_plugin(access)
    if user.get("auth-provider"):
        return lambda: _from_provider(access, now)
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        return lambda: _forever("Basic " + base64.b64encode(pair).decode())
    return lambda: _forever("")


async def _forever(header: str) -> Grant:
    return Grant(header=header)


async def _from_token_file(path: Path, origin: str, now: Callable[[], float]) -> Grant:
    """The kubelet and others write rotated tokens into the same file."""
    try:
        token = path.read_text().strip()  # noqa: ASYNC240 -- one small file, once a minute
    except OSError as error:
        raise UserError(f"Token file '{path}' of {origin} cannot be read: {error.strerror}; restore it") from None
    return Grant(header=f"Bearer {token}", until=now() + TOKEN_FILE_SECONDS)


async def _from_plugin(access: ClusterAccess) -> Grant:
    status = await run_plugin(access)
    token = str(status.get("token") or "")
    expiry = status.get("expirationTimestamp")
    return Grant(
        header=f"Bearer {token}" if token else "",
        certificate=str(status.get("clientCertificateData") or ""),
        key=str(status.get("clientKeyData") or ""),
        # Without an expiry it is kept until the server refuses it.
        until=datetime.fromisoformat(str(expiry)).timestamp() - EARLY_SECONDS if expiry else float("inf"),
    )


async def _from_provider(access: ClusterAccess, now: Callable[[], float]) -> Grant:
    """The providers from before plugins (OIDC, GCP), which the official client knows how to refresh."""
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config.kube_config import KubeConfigLoader

    configuration = Configuration()
    loader = KubeConfigLoader(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {}}],
            "users": [{"name": "u", "user": dict(access.user)}],
        },
        config_base_path="",
    )
    try:
        await loader.load_and_set(configuration)
    except Exception:
        raise UserError(f"The auth-provider of {access.origin} gave no token; sign in anew") from None
    return Grant(header=str(configuration.api_key.get("BearerToken") or ""), until=now() + TOKEN_FILE_SECONDS)
