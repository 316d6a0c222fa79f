"""The cluster to talk to: where it is, how it is trusted, and where our signature comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kelos.action.api.proxy import Proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecPlugin:
    """A program that prints short-lived credentials. `config` is the cluster's word for it, handed on as it is."""

    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    api_version: str
    install_hint: str = ""
    wants_cluster: bool = False
    config: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Where GitHub gives this job tokens that say which workflow of which repository it is."""

    url: str
    request_token: str = field(repr=False)
    audience: str
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One cluster and one user, resolved: paths absolute, base64 decoded."""

    server: str
    namespace: str = "default"
    tls_server_name: str = ""
    insecure: bool = False
    ca: bytes = b""
    proxy: Proxy | None = None
    proxy_url: str = field(default="", repr=False)
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    exec: ExecPlugin | None = None
    identity: Identity | None = None
    trust_setting: str = "The kubeconfig's certificate-authority"

    @property
    def can_renew(self) -> bool:
        """Whether asking again may bring another signature."""
        return self.exec is not None or self.token_file is not None or self.identity is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What goes with one connection; never shown to anybody."""

    authorization: str = field(default="", repr=False)
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
