"""The provider: one HTTP server on loopback that plays a scenario in every dialect and keeps what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import ClassVar

from providers.anthropic import Anthropic
from providers.chat import Chat
from providers.dialect import Body, Dialect, Frame
from providers.google import Google
from providers.responses import Responses
from providers.scenario import Cut, Fail, Say, Scenario, Step, Tokens

DIALECTS: tuple[Dialect, ...] = (Anthropic(), Responses(), Chat(), Google())
ASIDE = Say("ok")
FREE = Tokens(input=0, cache_read=0, cache_write=0, output=0, reasoning=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call of the model, without what must not be kept: of the key we know only whether it was the right one."""

    dialect: str
    model: str
    has_right_key: bool
    is_aside: bool
    marks: tuple[str, ...] = ()
    """Those of the scenario's that it carried."""


class Provider:
    """A context manager. Calls that offer no shell (titles, classifiers) are asides: answered, free, no step.

    `tell` hears of every call.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        key: str,
        address: tuple[str, int] = ("127.0.0.1", 0),
        tell: Callable[[Asked], None] = lambda asked: None,
    ) -> None:
        self._scenario = scenario
        self._key = key
        self._tell = tell
        self._lock = threading.Lock()
        self._asked: list[Asked] = []
        self._server = _Server(address, _Handler)
        self._server.provider = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Provider:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def asked(self) -> tuple[Asked, ...]:
        """The calls so far that took a step of the scenario."""
        with self._lock:
            return tuple(one for one in self._asked if not one.is_aside)

    @property
    def asides(self) -> tuple[Asked, ...]:
        """The calls so far that took none."""
        with self._lock:
            return tuple(one for one in self._asked if one.is_aside)

    def next_step(self, dialect: Dialect, path: str, body: Body, key: str) -> tuple[Step, Tokens, int]:
        """Note a call; say how to answer it."""
        is_aside = not dialect.has_tools(body)
        with self._lock:
            call = sum(not one.is_aside for one in self._asked)
            asked = Asked(
                dialect=dialect.name,
                model=dialect.model(path, body),
                has_right_key=key in (self._key, f"Bearer {self._key}"),
                is_aside=is_aside,
                marks=tuple(mark for mark in self._scenario.marks if mark in json.dumps(body, ensure_ascii=False)),
            )
            self._asked.append(asked)
            self._tell(asked)
        if is_aside:
            return ASIDE, FREE, call
        return self._scenario.step(call), self._scenario.tokens, call


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    provider: Provider

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    probes: ClassVar[frozenset[str]] = frozenset({"/", "/api/hello"})

    def do_HEAD(self) -> None:
        self._send(200, None)

    def do_GET(self) -> None:
        if self.headers.get("Upgrade"):
            self._send(426, {})  # Codex then speaks plain HTTP at once
        else:
            self._send(200 if self.path in self.probes else 404, {})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        dialect = next((one for one in DIALECTS if one.matches(self.path)), None)
        if dialect is None:
            self._send(404, {})
            return
        body: Body = json.loads(raw)
        key = self.headers.get(dialect.key_header, "")
        step, tokens, call = self.server.provider.next_step(dialect, self.path, body, key)
        if isinstance(step, Fail):
            wait = {} if step.retry_after is None else {"Retry-After": str(step.retry_after)}
            self._send(step.status, dialect.error(step.status), wait)
            return
        frames = dialect.frames(step, tokens, model=dialect.model(self.path, body), call=call, body=body)
        if ":generateContent" in self.path:
            *_, (_, last) = frames
            self._send(200, last)
            return
        self._stream(frames, is_broken=isinstance(step, Cut) and not step.is_clean)

    def _send(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)

    def _stream(self, frames: Iterator[Frame], *, is_broken: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for frame in frames:
                data = _encoded(frame)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()
            if not is_broken:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            is_broken = True
        self.close_connection = is_broken

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: whatever an agent sends may hold a secret."""


def _encoded(frame: Frame) -> bytes:
    name, data = frame
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()
