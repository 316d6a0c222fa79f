"""A stand-in for GitHub, over real HTTP: what people may do in a repository, and identity tokens with their issuer."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from fakes.loopback import on_loopback

TOKEN = "ghs_of-this-job"
REQUEST_TOKEN = "may-ask-for-an-identity"


@dataclass
class Reply:
    """An answer in place of the usual one; `drop` closes the connection without any."""

    status: int = 500
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


class FakeGitHub:
    """State and script. `people` maps a login to what GitHub says of it; who is missing is no user."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.people: dict[str, dict[str, str]] = {"octocat": {"permission": "admin", "role_name": "admin"}}
        self.replies: list[Reply] = []
        self.requests: list[str] = []
        self.tokens = {TOKEN}
        self.claims: dict[str, Any] = {"repository": "acme/widgets", "repository_owner": "acme"}
        self.life_seconds = 300.0
        self.ages: list[float] = []  # how old the next tokens are when they are given, as a wrong clock makes them
        self.minted = 0
        self.url = ""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def env(self) -> dict[str, str]:
        """The runner's variables of a job that has `permissions: id-token: write`."""
        return {
            "GITHUB_API_URL": f"{self.url}/api/v3",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/_apis/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }

    def mint(self, audience: str) -> str:
        """A token signed as GitHub signs them."""
        now = time.time() - (self.ages.pop(0) if self.ages else 0.0)
        claims = {
            "iss": self.url,
            "aud": audience,
            "sub": f"repo:{self.claims['repository']}:ref:refs/heads/main",
            "jti": str(self.minted),
            "iat": int(now),
            "nbf": int(now) - 600,
            "exp": int(now + self.life_seconds),
            **self.claims,
        }
        text = ".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims))
        return f"{text}.{_base64(self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def answer(self, path: str, query: dict[str, list[str]], authorization: str) -> Reply:
        """What GitHub says to one GET."""
        if path == "/_apis/token":
            if authorization != f"Bearer {REQUEST_TOKEN}":
                return Reply(401, {"message": "Bad credentials"})
            self.minted += 1
            return Reply(200, {"count": 1, "value": self.mint(query["audience"][0])})
        if path == "/.well-known/openid-configuration":
            return Reply(200, {"issuer": self.url, "jwks_uri": f"{self.url}/.well-known/jwks"})
        if path == "/.well-known/jwks":
            return Reply(200, {"keys": [self._public_key()]})
        parts = path.removeprefix("/api/v3/").split("/")
        if authorization.removeprefix("Bearer ") not in self.tokens:
            return Reply(401, {"message": "Bad credentials"})
        name = unquote(parts[-2])
        if parts[:2] != ["repos", "acme"] or parts[3] != "collaborators" or name not in self.people:
            return Reply(404, {"message": "Not Found"})
        return Reply(200, {**self.people[name], "user": {"login": name}})

    def _public_key(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        modulus, exponent = numbers.n.to_bytes(256, "big"), numbers.e.to_bytes(3, "big")
        names = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1"}
        return {**names, "n": _base64(modulus), "e": _base64(exponent)}


@contextmanager
def fake_github(tls: ssl.SSLContext | None = None) -> Iterator[FakeGitHub]:
    """A server on a free port of loopback, gone at the end."""
    fake = FakeGitHub()
    with on_loopback(lambda *args: _Request(fake, *args), tls) as fake.url:
        yield fake


class _Request(BaseHTTPRequestHandler):
    def __init__(self, fake: FakeGitHub, *args: Any) -> None:
        self.fake = fake
        super().__init__(*args)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        with self.fake.lock:
            self.fake.requests.append(self.path)
            reply = self.fake.replies.pop(0) if self.fake.replies else None
            reply = reply or self.fake.answer(
                address.path, parse_qs(address.query), self.headers.get("Authorization") or ""
            )
        if reply.drop:
            return
        data = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
