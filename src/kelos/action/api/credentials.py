"""Signs requests: tokens, token files, passwords, exec plugins and identity tokens, whose answers expire."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from time import monotonic

from kelos.action.api.identity import mint
from kelos.action.api.plugin import run_plugin
from kelos.action.api.target import ExecPlugin, Identity, Signature, Target
from kelos.errors import ClusterError, UserError

REFRESH_PAUSE_SECONDS = 60.0
RETRY_SECONDS = 5.0
SHARE_OF_LIFE = 0.8
EXPIRY_MARGIN_SECONDS = 30.0
TOKEN_FILE_SECONDS = 60.0


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
            if self._signature is None:
                return self._renewed()
            if self._clock() >= self._good_until:
                try:
                    return self._renewed()
                except ClusterError:
                    self._good_until = self._clock() + RETRY_SECONDS  # it may be good still: the server will say
            return self._signature

    def refresh(self, refused: Signature) -> bool:
        """After a 401: whether there is another signature than the refused one. It is renewed once a minute at most."""
        if not self._target.can_renew:
            return False
        with self._lock:
            if self._signature is not refused:
                return True  # another thread was quicker
            if self._clock() - self._refreshed_at < REFRESH_PAUSE_SECONDS:
                return False
            self._refreshed_at = self._clock()
            self._renewed()
            return True

    def secrets(self) -> tuple[str, ...]:
        """Values to mask in the log, as far as they are known now."""
        held = self._signature.authorization.partition(" ")[2] if self._signature else ""
        return tuple(value for value in (self._target.token, self._target.password, held) if value)

    def _renewed(self) -> Signature:
        target = self._target
        signature, good_until = self._signed(target)
        self._signature, self._good_until = signature, good_until
        return signature

    def _signed(self, target: Target) -> tuple[Signature, float]:
        """A signature and the moment from which it is due again."""
        if target.exec is not None:
            return self._from_plugin(target.exec, target.certificate, target.key)
        if target.identity is not None:
            return self._from_github(target.identity)
        good_until, authorization = float("inf"), ""
        if target.token_file is not None:
            good_until = self._clock() + TOKEN_FILE_SECONDS
            authorization = f"Bearer {_token_of(target)}"
        elif target.token:
            authorization = f"Bearer {target.token}"
        elif target.username:
            word = base64.b64encode(f"{target.username}:{target.password}".encode()).decode()
            authorization = f"Basic {word}"
        return Signature(authorization=authorization, certificate=target.certificate, key=target.key), good_until

    def _from_github(self, identity: Identity) -> tuple[Signature, float]:
        asked_at = self._clock()
        token, seconds = mint(identity)
        return Signature(authorization=f"Bearer {token}"), asked_at + seconds * SHARE_OF_LIFE

    def _from_plugin(self, plugin: ExecPlugin, certificate: bytes, key: bytes) -> tuple[Signature, float]:
        status, good_until = run_plugin(plugin, self._target), float("inf")
        if expiry := status.get("expirationTimestamp"):
            left = (_moment(str(expiry)) - datetime.now(timezone.utc)).total_seconds()
            good_until = self._clock() + max(left - EXPIRY_MARGIN_SECONDS, 1.0)
        token = str(status.get("token") or "")
        return Signature(
            authorization=f"Bearer {token}" if token else "",
            certificate=str(status.get("clientCertificateData") or "").encode() or certificate,
            key=str(status.get("clientKeyData") or "").encode() or key,
        ), good_until


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
