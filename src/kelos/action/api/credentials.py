"""Signs requests: tokens, token files, passwords, and exec plugins whose answers expire."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from time import monotonic
from typing import Any

from kelos.action.api.kubeconfig import ExecPlugin, Target
from kelos.api.checks import excerpt
from kelos.errors import Unauthorized, UserError

REFRESH_PAUSE_SECONDS = 60.0
PLUGIN_TIMEOUT_SECONDS = 60.0
EXPIRY_MARGIN_SECONDS = 30.0
TOKEN_FILE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What goes with one connection; never shown to anybody."""

    authorization: str = field(default="", repr=False)
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)


class Credentials:
    """Keeps a signature fresh; safe to share between threads."""

    def __init__(self, target: Target, *, clock: Callable[[], float] = monotonic) -> None:
        self._target = target
        self._clock = clock
        self._lock = threading.Lock()
        self._signature: Signature | None = None
        self._good_until = float("inf")
        self._refreshed_at = float("-inf")

    def signature(self) -> Signature:
        """The current signature; runs the plugin or reads the token file when that is due."""
        with self._lock:
            if self._signature is None or self._clock() >= self._good_until:
                self._renew()
            assert self._signature is not None
            return self._signature

    def refresh(self, refused: Signature) -> bool:
        """After a 401: whether there is another signature than the refused one. It is renewed once a minute at most."""
        if self._target.exec is None and self._target.token_file is None:
            return False
        with self._lock:
            if self._signature is not refused:
                return True  # another thread was quicker
            if self._clock() - self._refreshed_at < REFRESH_PAUSE_SECONDS:
                return False
            self._refreshed_at = self._clock()
            self._renew()
            return True

    def secrets(self) -> tuple[str, ...]:
        """Values to mask in the log, as far as they are known now."""
        held = self._signature.authorization.partition(" ")[2] if self._signature else ""
        return tuple(value for value in (self._target.token, self._target.password, held) if value)

    def _renew(self) -> None:
        target = self._target
        self._good_until = float("inf")
        certificate, key = target.certificate, target.key
        authorization = ""
        if target.exec is not None:
            self._signature = self._from_plugin(target.exec, certificate, key)
            return
        if target.token_file is not None:
            self._good_until = self._clock() + TOKEN_FILE_SECONDS
            authorization = f"Bearer {_token_of(target)}"
        elif target.token:
            authorization = f"Bearer {target.token}"
        elif target.username:
            word = base64.b64encode(f"{target.username}:{target.password}".encode()).decode()
            authorization = f"Basic {word}"
        self._signature = Signature(authorization=authorization, certificate=certificate, key=key)

    def _from_plugin(self, plugin: ExecPlugin, certificate: bytes, key: bytes) -> Signature:
        status = run_plugin(plugin, self._target)
        if expiry := status.get("expirationTimestamp"):
            left = (_moment(str(expiry)) - datetime.now(timezone.utc)).total_seconds()
            self._good_until = self._clock() + max(left - EXPIRY_MARGIN_SECONDS, 1.0)
        token = str(status.get("token") or "")
        return Signature(
            authorization=f"Bearer {token}" if token else "",
            certificate=str(status.get("clientCertificateData") or "").encode() or certificate,
            key=str(status.get("clientKeyData") or "").encode() or key,
        )


def run_plugin(plugin: ExecPlugin, target: Target) -> dict[str, Any]:
    """The `status` of the ExecCredential that the plugin prints."""
    spec: dict[str, Any] = {"interactive": False}
    if plugin.wants_cluster:
        spec["cluster"] = {"server": target.server, "certificate-authority-data": base64.b64encode(target.ca).decode()}
    info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    environment = {**os.environ, **dict(plugin.env), "KUBERNETES_EXEC_INFO": json.dumps(info)}
    try:
        done = subprocess.run(
            [plugin.command, *plugin.args],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PLUGIN_TIMEOUT_SECONDS,
            check=False,
            start_new_session=True,  # the runner's SIGINT must not reach it while we cancel
        )
    except FileNotFoundError as error:
        raise UserError(f"{_name(plugin)} is not on this runner: {_one_line(plugin.install_hint)}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unauthorized(f"{_name(plugin)} did not answer: run it on the runner to see why") from error
    if done.returncode != 0:
        said = _one_line(done.stderr.decode(errors="replace"))
        raise Unauthorized(f"{_name(plugin)} failed with code {done.returncode}: {said}")
    return _status_of(done.stdout, plugin)


def _name(plugin: ExecPlugin) -> str:
    return f"The kubeconfig's exec plugin '{excerpt(plugin.command)}'"


def _one_line(text: str) -> str:
    return excerpt(text.strip().splitlines()[-1]) if text.strip() else "it says nothing more"


def _status_of(answer: bytes, plugin: ExecPlugin) -> dict[str, Any]:
    try:
        status = json.loads(answer)["status"]
        if isinstance(status, dict) and (status.get("token") or status.get("clientCertificateData")):
            return status
    except (ValueError, TypeError, KeyError):
        pass
    raise Unauthorized(f"{_name(plugin)} printed no ExecCredential with a status: update it")


def _token_of(target: Target) -> str:
    assert target.token_file is not None
    try:
        return target.token_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        why = error.strerror or "unreadable"
        raise UserError(f"The kubeconfig's token file '{target.token_file}' cannot be read: {why}") from error


def _moment(text: str) -> datetime:
    """Go writes nanoseconds, which Python 3.10 does not read; an expiry that nobody can read has passed."""
    try:
        moment = datetime.fromisoformat(re.sub(r"\.\d+", "", text).replace("Z", "+00:00"))
    except ValueError:
        return datetime.fromtimestamp(0, timezone.utc)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
