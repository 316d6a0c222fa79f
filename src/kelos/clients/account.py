"""Who asks GitHub: nobody, the holder of a personal token, or the installation of an App. Secrets are handed in each
time they are used, so that a changed one counts at once.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kelos.api.kinds import Manifest
from kelos.api.names import APP_SECRET_KEYS, KEY_GITHUB_TOKEN
from kelos.clients.github_app import AppKey, Grant, Token
from kelos.clients.token_desk import TokenDesk, read_key
from kelos.errors import RemoteError, UserError

RENEW_BEFORE = timedelta(minutes=5)
SHORTEST_USE = timedelta(minutes=1)
"""A new token is used so long whatever the clocks say: no minting with every request."""
REMEMBERED = 2000

_PRINTABLE = re.compile(r"[\x21-\x7e]{1,4096}")


def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Credentials as a client needs them. Equal keys mean: the same rights, the same limits, the same answers.

    `token` gives an empty text when nobody signs in, and raises RemoteError when GitHub gives none; `forget` is for a
    token that GitHub took back.
    """

    key: str
    api_url: str
    token: Callable[[], Awaitable[str]] = field(repr=False)
    forget: Callable[[], None] = field(default=_nothing, repr=False)
    secret: str = ""
    app_id: str = ""

    @property
    def is_app(self) -> bool:
        return bool(self.app_id)

    @property
    def is_anonymous(self) -> bool:
        return not self.secret

    def __str__(self) -> str:
        return f"Secret '{self.secret}'" if self.secret else "a reader without a token"


@dataclass(slots=True, kw_only=True)
class _Kept:
    """An App's token for one grant; one caller at a time renews it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: Token | None = None
    fresh_until: datetime | None = None


class Accounts:
    """Makes accounts of Secrets, and keeps the tokens of Apps until shortly before they expire."""

    def __init__(self, desk: TokenDesk, *, now: Callable[[], datetime]) -> None:
        self._desk = desk
        self._now = now
        self._kept: OrderedDict[tuple[str, str, Grant], _Kept] = OrderedDict()
        self._salt = secrets.token_bytes(16)

    def of(self, secret: Manifest | None, *, api_url: str, repository: str) -> Account:
        """The account that the Secret opens for a repository, `owner/name` or `name`. Raises UserError naming the key
        of the Secret that is wrong."""
        if secret is None:
            return Account(key=f"anonymous@{api_url}", api_url=api_url, token=_no_token)
        name = str(secret["metadata"]["name"])
        try:
            if is_app_secret(secret):
                return self._app(secret, name, Grant(api_url=api_url, repository=repository.rpartition("/")[2]))
            return self._personal(_read_token(secret), name, api_url)
        except UserError as error:
            raise UserError(f"Secret '{name}' does not sign in to GitHub: {error}") from None

    def _personal(self, text: str, name: str, api_url: str) -> Account:
        async def token() -> str:
            return text

        return Account(key=f"token:{self._digest(text)}@{api_url}", api_url=api_url, token=token, secret=name)

    def _app(self, secret: Manifest, name: str, grant: Grant) -> Account:
        key = read_key(secret)
        meta = secret["metadata"]
        case = (str(meta.get("uid") or ""), str(meta.get("resourceVersion") or ""), grant)

        async def token() -> str:
            return (await self._installation_token(secret, case)).text

        def forget() -> None:
            self._kept.pop(case, None)

        return Account(
            key=f"app:{self._digest(_joined(key))}/{grant.repository}@{grant.api_url}",
            api_url=grant.api_url,
            token=token,
            forget=forget,
            secret=name,
            app_id=key.app_id,
        )

    async def _installation_token(self, secret: Manifest, case: tuple[str, str, Grant]) -> Token:
        kept = self._kept.setdefault(case, _Kept())
        self._kept.move_to_end(case)
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        async with kept.lock:
            if kept.token is not None and kept.fresh_until is not None and self._now() < kept.fresh_until:
                return kept.token
            try:
                token = await self._desk.mint(secret, case[2])
            except RemoteError:
                if kept.token is not None and self._now() < kept.token.expires_at:
                    return kept.token
                raise
            kept.token = token
            kept.fresh_until = max(self._now() + SHORTEST_USE, token.expires_at - RENEW_BEFORE)
            return token

    def _digest(self, text: str) -> str:
        """Tells credentials apart without telling them: of no use outside this process."""
        return hmac.new(self._salt, text.encode(), hashlib.sha256).hexdigest()[:16]


def is_app_secret(secret: Manifest) -> bool:
    """Whether all keys of a GitHub App are there; they go before a token beside them."""
    data = secret.get("data") or {}
    return all(key in data for key in APP_SECRET_KEYS)


def _read_token(secret: Manifest) -> str:
    data = secret.get("data") or {}
    if KEY_GITHUB_TOKEN not in data:
        raise UserError(f"it has neither the key '{KEY_GITHUB_TOKEN}' nor {', '.join(APP_SECRET_KEYS)}")
    try:
        text = base64.b64decode(data[KEY_GITHUB_TOKEN]).decode().strip()
    except (binascii.Error, ValueError):
        text = ""
    if not _PRINTABLE.fullmatch(text):
        raise UserError(f"its key '{KEY_GITHUB_TOKEN}' is no token; store it again")
    return text


def _joined(key: AppKey) -> str:
    return "\n".join((key.app_id, key.installation_id, key.private_key))


async def _no_token() -> str:
    return ""
