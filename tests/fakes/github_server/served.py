"""Two ways to the fake: an HTTP server of its own, and a transport for httpx without any."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx

from fakes.github_server.server import GitHubServer
from fakes.loopback import on_loopback


@contextmanager
def served(github: GitHubServer) -> Iterator[str]:
    """The fake on a free port of loopback; gives the root of its API, which is that of an enterprise server."""
    with on_loopback(type("Handler", (_Handler,), {"github": github})) as address:
        github.base = f"{address}/api/v3"
        yield github.base


def direct(github: GitHubServer) -> httpx.AsyncClient:
    """A client that reaches the fake without a network."""

    def handle(request: httpx.Request) -> httpx.Response:
        answer = github.answer(request.method, request.url.raw_path.decode(), request.headers, request.content)
        if answer.drop or answer.lost:
            raise httpx.ReadError("connection reset", request=request)
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        return httpx.Response(answer.status, headers=dict(answer.headers), content=content)

    return httpx.AsyncClient(transport=httpx.MockTransport(handle))


class _Handler(BaseHTTPRequestHandler):
    github: GitHubServer
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PATCH = do_DELETE = do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        return

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.lock:
            answer = self.github.answer(self.command, self.path, headers, content)
        if answer.drop or answer.lost:
            self.close_connection = True
            return
        body = b"" if answer.body is None else json.dumps(answer.body).encode()
        self.send_response_only(answer.status)
        sized = {} if answer.status in (204, 304) else {"Content-Length": str(len(body))}
        for name, value in {"Content-Type": "application/json; charset=utf-8", **answer.headers, **sized}.items():
            self.send_header(name, value)
        self.end_headers()
        if sized:
            self.wfile.write(body)
