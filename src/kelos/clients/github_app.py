"""GitHub Apps: an App's key is exchanged for a token that opens one repository for an hour.

The key stays in this process: GitHub sees only what it signed.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kelos.clients.github.answers import json_object, limited_until, said
from kelos.errors import RateLimited, RemoteError, UserError

TIMEOUT_SECONDS = 10.0
BACKDATED_SECONDS = 60
"""GitHub refuses what was signed in its future."""
VALID_SECONDS = 540
"""GitHub takes ten minutes at most, by its own clock."""

_APP_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_NUMBER = re.compile(r"[0-9]{1,20}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppKey:
    """The credentials of an App's installation. Raises UserError when they cannot be any; no text shows the key."""

    app_id: str
    installation_id: str
    private_key: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _APP_ID.fullmatch(self.app_id):
            raise UserError("its key 'appID' is not the ID of a GitHub App; copy it from the App's settings")
        if not _NUMBER.fullmatch(self.installation_id):
            raise UserError("its key 'installationID' is not a number; copy it from the address of the installation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token is for: a repository, by its name without owner, of the GitHub whose API is at `api_url`. Without a
    name it is all that the installation may see."""

    api_url: str
    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An installation token."""

    text: str = field(repr=False)
    expires_at: datetime


async def exchange(client: httpx.AsyncClient, key: AppKey, grant: Grant, now: Callable[[], datetime]) -> Token:
    """Ask once. Raises UserError for what the App's owner must mend, RateLimited, and RemoteError for the rest."""
    assertion = await asyncio.to_thread(sign, key, now())
    url = f"{grant.api_url}/app/installations/{key.installation_id}/access_tokens"
    headers = {
        "Authorization": f"Bearer {assertion}",
        "Accept": "application/vnd.github+json",
        "User-Agent": "kelos",
    }
    wanted = {"repositories": [grant.repository]} if grant.repository else {}
    try:
        answer = await client.post(url, headers=headers, json=wanted, timeout=TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RemoteError(f"GitHub cannot be reached at {grant.api_url} ({type(error).__name__})") from None
    if answer.status_code == httpx.codes.CREATED:
        return _read(answer)
    raise _refusal(answer, key, grant, now())


def sign(key: AppKey, now: datetime) -> str:
    """The JSON Web Token that speaks for the App. Raises UserError when the key is none."""
    signed_at = int(now.timestamp())
    claims = {"iat": signed_at - BACKDATED_SECONDS, "exp": signed_at + VALID_SECONDS, "iss": key.app_id}
    content = f"{_encode(json.dumps({'alg': 'RS256', 'typ': 'JWT'}))}.{_encode(json.dumps(claims))}"
    signature = _load(key.private_key).sign(content.encode(), PKCS1v15(), SHA256())
    return f"{content}.{_encode(signature)}"


def _load(pem: str) -> RSAPrivateKey:
    """PKCS1 and PKCS8 alike. What the parser says is not repeated: it may quote the key."""
    try:
        found = load_pem_private_key(pem.strip().encode() + b"\n", password=None)
    except TypeError:
        raise UserError("its key 'privateKey' is locked with a passphrase; store it without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UserError("its key 'privateKey' is no private key in PEM form; store the file that GitHub made") from None
    if not isinstance(found, RSAPrivateKey):
        raise UserError("its key 'privateKey' is no RSA key; store the file that GitHub made")
    return found


def _encode(content: str | bytes) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _read(answer: httpx.Response) -> Token:
    found = json_object(answer)
    text, expires = found.get("token"), found.get("expires_at")
    try:
        expires_at = datetime.fromisoformat(str(expires).replace("Z", "+00:00"))
    except ValueError:
        expires_at = None
    if not isinstance(text, str) or not _TOKEN.fullmatch(text) or expires_at is None or expires_at.tzinfo is None:
        raise RemoteError("GitHub answered without a token; see whether something stands between it and the cluster")
    return Token(text=text, expires_at=expires_at.astimezone(timezone.utc))


def _refusal(answer: httpx.Response, key: AppKey, grant: Grant, now: datetime) -> Exception:
    status, why = answer.status_code, said(answer)
    if (retry_at := limited_until(answer, now)) is not None:
        return RateLimited(f"GitHub has had too many requests of App {key.app_id}{why}", retry_at=retry_at)
    if status == httpx.codes.UNAUTHORIZED:
        return UserError(f"GitHub does not know App {key.app_id} by this key{why}: check 'appID' and 'privateKey'")
    if status == httpx.codes.FORBIDDEN:
        return UserError(f"GitHub lets installation {key.installation_id} do nothing{why}: see whether it is suspended")
    if status == httpx.codes.NOT_FOUND:
        return UserError(
            f"App {key.app_id} has no installation {key.installation_id} at {grant.api_url}{why}: "
            "check 'installationID' and the Workspace's repo"
        )
    if status == httpx.codes.UNPROCESSABLE_ENTITY:
        return UserError(
            f"Installation {key.installation_id} has no access to repository '{grant.repository}'{why}: "
            "add it to the installation, or correct the Workspace's repo"
        )
    return RemoteError(f"GitHub at {grant.api_url} answered {status}{why}")
