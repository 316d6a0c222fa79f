"""Who asks which Jira: an address, and a Secret that is read when it is used."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

import httpx

from kelos.api.kinds import Manifest
from kelos.errors import UserError

KEY_TOKEN, KEY_USER = "JIRA_TOKEN", "JIRA_USER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """With a user it is Jira Cloud's or a password; without one the token speaks for itself."""

    token: str = field(repr=False)
    user: str = ""
    secret: str = ""

    @property
    def authorization(self) -> str:
        if not self.user:
            return f"Bearer {self.token}"
        return "Basic " + base64.b64encode(f"{self.user}:{self.token}".encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One Jira, and who asks there. `base_url` has no slash at its end."""

    base_url: str
    login: Login


def read_site(base_url: str, secret: Manifest) -> Site:
    """Raises UserError for an address or a Secret that cannot be one's."""
    try:
        address = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise UserError("jira.baseUrl is no address; write it like https://your-org.atlassian.net") from None
    if address.scheme not in ("http", "https") or not address.host:
        raise UserError("jira.baseUrl must begin with https:// or http:// and name a host")
    if address.userinfo or address.query or address.fragment:
        raise UserError("jira.baseUrl may hold neither credentials nor a query; those belong into the Secret")
    return Site(base_url=base_url.rstrip("/"), login=read_login(secret))


def read_login(secret: Manifest) -> Login:
    """Who asks, from the Secret. Raises UserError naming the key that is wrong; no text shows a value."""
    name = secret["metadata"]["name"]
    data = secret.get("data") or {}
    if KEY_TOKEN not in data:
        raise UserError(
            f"Secret '{name}' has no key '{KEY_TOKEN}'; Jira needs it, and Jira Cloud '{KEY_USER}' beside it"
        )
    values = {}
    for key in (KEY_TOKEN, KEY_USER):
        try:
            values[key] = base64.b64decode(data.get(key) or "").decode().strip()
        except (binascii.Error, ValueError):
            raise UserError(f"Key '{key}' of Secret '{name}' is no text; store it again") from None
    token, user = values[KEY_TOKEN], values[KEY_USER]
    if not token or not token.isascii() or not token.isprintable():
        raise UserError(f"Key '{KEY_TOKEN}' of Secret '{name}' is no token of Jira: it is empty or of several lines")
    if ":" in user or not user.isprintable():
        raise UserError(f"Key '{KEY_USER}' of Secret '{name}' is no user of Jira; store the e-mail address alone")
    return Login(token=token, user=user, secret=name)
