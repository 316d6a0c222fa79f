"""GitHub, as far as it gives installation tokens: over real HTTP, with the standard library only, so that it can run
inside a pod as well.

It checks what GitHub checks: the signature and the times of the assertion, the App, the installation, the repositories.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

TOKEN_SECONDS = 3600
LONGEST_ASSERTION_SECONDS = 600
NO_REPOSITORY = "There is at least one repository that does not exist or is not accessible to the parent installation."
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")

_EXCHANGE = re.compile(r"(?:/api/v3)?/app/installations/([^/]+)/access_tokens")


@dataclass
class App:
    """An App with one installation. The public key is two numbers, as nothing here can read PEM."""

    app_id: str
    installation_id: str
    modulus: int
    exponent: int
    repositories: tuple[str, ...] = ("shop",)
    is_suspended: bool = False


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Minted:
    """A token that was given out."""

    text: str
    repositories: tuple[str, ...]
    expires_at: float


class GitHub:
    """`faults` are answered first, one each; `asked` are the bodies of all requests, `minted` the tokens."""

    def __init__(self, *apps: App, now: Callable[[], float] = time.time, token_seconds: float = TOKEN_SECONDS) -> None:
        self.apps = {app.app_id: app for app in apps}
        self.now = now
        self.token_seconds = token_seconds
        self.faults: list[Answer] = []
        self.asked: list[Any] = []
        self.minted: list[Minted] = []

    def is_open(self, token: str, repository: str) -> bool:
        """Whether the token still opens the repository."""
        found = next((one for one in self.minted if one.text == token), None)
        return found is not None and repository in found.repositories and self.now() < found.expires_at

    def revoke(self, text: str = "") -> None:
        """End a token, or all that were given out so far."""
        self.minted = [replace(one, expires_at=0.0) if text in ("", one.text) else one for one in self.minted]

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One request; the names of headers are in lower case."""
        self.asked.append(json.loads(body) if body else None)
        if self.faults:
            return self.faults.pop(0)
        if method == "DELETE" and path.endswith("/installation/token"):
            self.revoke(headers.get("authorization", "").rpartition(" ")[2] or "none")
            return Answer(204, {})
        found = _EXCHANGE.fullmatch(path)
        if method != "POST" or found is None:
            return Answer(404, {"message": "Not Found"})
        app = self._app(headers.get("authorization", ""))
        if isinstance(app, Answer):
            return app
        if app.installation_id != found[1]:
            return Answer(404, {"message": "Not Found"})
        if app.is_suspended:
            return Answer(403, {"message": "This installation has been suspended"})
        return self._mint(app, self.asked[-1] or {})

    def _app(self, authorization: str) -> App | Answer:
        kind, _, assertion = authorization.partition(" ")
        try:
            head, claims, signature = assertion.split(".")
            header, said = json.loads(_decode(head)), json.loads(_decode(claims))
        except ValueError:
            return _refused("A JSON web token could not be decoded")
        app = self.apps.get(str(said.get("iss")))
        if kind != "Bearer" or header.get("alg") != "RS256" or app is None:
            return _refused("Integration not found" if app is None else "A JSON web token could not be decoded")
        if not _is_signed(f"{head}.{claims}".encode(), _decode(signature), app):
            return _refused("A JSON web token could not be decoded")
        if not isinstance(said.get("iat"), int) or said["iat"] > self.now():
            return _refused("'Issued at' claim ('iat') must be an Integer representing the time of the assertion")
        if not isinstance(said.get("exp"), int) or said["exp"] <= self.now():
            return _refused("'Expiration time' claim ('exp') must be a numeric value in the future")
        if said["exp"] > self.now() + LONGEST_ASSERTION_SECONDS:
            return _refused("'Expiration time' claim ('exp') is too far in the future")
        return app

    def _mint(self, app: App, wanted: Mapping[str, Any]) -> Answer:
        repositories = tuple(wanted.get("repositories") or app.repositories)
        if not set(repositories) <= set(app.repositories):
            return Answer(422, {"message": NO_REPOSITORY})
        expires_at = float(int(self.now() + self.token_seconds))
        token = Minted(f"ghs_{secrets.token_hex(18)}", repositories, expires_at)
        self.minted.append(token)
        moment = datetime.fromtimestamp(expires_at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Answer(201, {"token": token.text, "expires_at": moment, "repository_selection": "selected"})


class Served:
    """The fake on an address; `with Served(github) as host:` gives `127.0.0.1:1234`."""

    def __init__(self, github: GitHub, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self._server = ThreadingHTTPServer(address, type("Handler", (_Handler,), {"github": github}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> str:
        self._thread.start()
        return f"127.0.0.1:{self._server.server_port}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    github: GitHub

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        return

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.github.answer(self.command, self.path, headers, body)
        content = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _refused(message: str) -> Answer:
    return Answer(401, {"message": message})


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _is_signed(content: bytes, signature: bytes, app: App) -> bool:
    """RSASSA-PKCS1-v1_5 with SHA-256, by hand."""
    size = (app.modulus.bit_length() + 7) // 8
    if len(signature) != size:
        return False
    opened = pow(int.from_bytes(signature, "big"), app.exponent, app.modulus).to_bytes(size, "big")
    end = SHA256_PREFIX + hashlib.sha256(content).digest()
    return opened == b"\x00\x01" + b"\xff" * (size - len(end) - 3) + b"\x00" + end
