"""GitHub's own identity tokens as the way in: no stored secret, only a workflow that the API server knows.

The API server checks them by its structured authentication configuration. They live minutes, a wait lasts an hour.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from kelos.action.api.proxy import proxy_for
from kelos.action.api.target import Identity, Target
from kelos.action.api.web import ask
from kelos.api.checks import excerpt
from kelos.errors import RemoteError, Unauthorized, Unavailable, UserError

MINT_SECONDS = 10.0
UNKNOWN_LIFE_SECONDS = 60.0
PEM = b"-----BEGIN CERTIFICATE-----"
REMEDY = "give the job `permissions: id-token: write`"


def identity_target(server: str, authority: str, audience: str, env: Mapping[str, str]) -> Target:
    """The cluster at `server`, signed in by this job's identity; a UserError says what is missing."""
    parts = urlsplit(server)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise UserError(f"The input `server` is '{excerpt(server)}': it must be the https:// address of an API server")
    url, request_token = env.get("ACTIONS_ID_TOKEN_REQUEST_URL", ""), env.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    if not url or not request_token:
        raise UserError(f"GitHub gives this job no identity token, which `server` needs: {REMEDY}")
    return Target(
        server=server.rstrip("/"),
        ca=read_authority(authority) if authority else b"",
        proxy=proxy_for(server, env),
        identity=Identity(
            url=url, request_token=request_token, audience=audience or server.rstrip("/"), proxy=proxy_for(url, env)
        ),
        trust_setting="The input `ca`",
    )


def read_authority(given: str) -> bytes:
    """PEM from PEM, from base64 of it, or from a file."""
    if PEM in given.encode():
        return given.encode()
    try:
        data = base64.b64decode("".join(given.split()), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if PEM in data:
        return data
    try:
        data = Path(given).read_bytes()
    except (OSError, ValueError):
        data = b""
    if PEM in data:
        return data
    raise UserError(
        "The input `ca` is neither a certificate in PEM, nor base64 of one, nor the path of one: copy it whole"
    )


def mint(identity: Identity) -> tuple[str, float]:
    """A fresh token and the seconds it lives; Unavailable when asking again may help, Unauthorized when not."""
    joint = "&" if urlsplit(identity.url).query else "?"
    url = f"{identity.url}{joint}audience={quote(identity.audience, safe='')}"
    headers = {"Authorization": f"Bearer {identity.request_token}", "Accept": "application/json"}
    try:
        answer = ask(url, headers, proxy=identity.proxy, timeout=MINT_SECONDS)
    except RemoteError as error:
        raise Unavailable(f"GitHub gave no identity token: {error}") from error
    token = answer.data.get("value")
    if answer.status == 200 and isinstance(token, str) and token.count(".") == 2:
        return token, life_seconds(token)
    if answer.status in (200, 408, 429) or answer.status >= 500:
        raise Unavailable(f"GitHub gave no identity token (its answer was {answer.status})")
    raise Unauthorized(f"GitHub gave this job no identity token (its answer was {answer.status}): {REMEDY}")


def life_seconds(token: str) -> float:
    """How long the token says it lives. The runner's clock is left out of it: it may be wrong."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return max(1.0, float(claims["exp"]) - float(claims["iat"]))
    except (ValueError, TypeError, KeyError, IndexError):
        return UNKNOWN_LIFE_SECONDS
