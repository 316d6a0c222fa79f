"""A web site over real HTTP: pages that answer, hang, hang up, or wait for each other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from fakes.loopback import on_loopback

LONGEST_WAIT = 30.0


@dataclass
class Page:
    """`meets` answers only when as many requests are there as the barrier has places."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    drops: bool = False
    meets: bool = False


@dataclass
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: str


class Web:
    """State and script; a page that is not there answers with nothing."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []
        self.url = ""
        self.is_over = threading.Event()
        self._barrier = threading.Barrier(1)

    def barrier(self, places: int) -> None:
        self._barrier = threading.Barrier(places)

    def meet(self) -> None:
        self._barrier.wait(LONGEST_WAIT)


@contextmanager
def served() -> Iterator[Web]:
    """A server on a free port of loopback, gone at the end."""
    web = Web()
    with on_loopback(lambda *args: _Request(web, *args)) as web.url:
        try:
            yield web
        finally:
            web.is_over.set()


class _Request(BaseHTTPRequestHandler):
    def __init__(self, web: Web, *args: Any) -> None:
        self.web = web
        super().__init__(*args)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.web.asked.append(Asked(self.command, self.path, headers, body))
        page = self.web.pages.get(self.path.partition("?")[0], Page())
        if page.hangs:
            self.web.is_over.wait(LONGEST_WAIT)
        if page.drops or page.hangs:
            return
        if page.meets:
            self.web.meet()
        data = page.body.encode()
        self.send_response(page.status)
        for name, value in {"Content-Length": str(len(data)), **page.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET
