"""A plain HTTP client for any Kubernetes API: nothing between a test and what the server says."""

import base64
import http.client
import json
import socket
import ssl
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

JSON = "application/json"
Query = Mapping[str, str | int | bool]


class UnexpectedAnswerError(AssertionError):
    """The server said something else than the test needs."""

    def __init__(self, answer: "Answer") -> None:
        super().__init__(f"the server answered {answer.status}: {answer.body}")
        self.status = answer.status


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server said: the status code, the headers (lower case) and the decoded body."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def reason(self) -> str:
        """The reason of a Status object, or nothing."""
        return str(self.body.get("reason", "")) if isinstance(self.body, dict) else ""

    def expect(self, *statuses: int) -> Any:
        """The body, when the status is one of these; by default any success."""
        if self.status not in (statuses or range(200, 300)):
            raise UnexpectedAnswerError(self)
        return self.body


class Watch:
    """An open watch: its events in order, each wait bounded."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while line := self._response.readline():
            yield json.loads(line)

    def next(self) -> dict[str, Any]:
        """The next event; an ended stream is an error here."""
        for event in self:
            return event
        raise AssertionError("the watch ended before the next event")

    def until(self, kind: str) -> list[dict[str, Any]]:
        """Events up to and including the first of that type."""
        events = []
        for event in self:
            events.append(event)
            if event["type"] == kind:
                return events
        raise AssertionError(f"the watch ended without {kind}: {events}")

    def end(self) -> None:
        """Let the thread that reads see the end of the stream; it then closes."""
        if self._connection.sock is not None:
            self._connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._response.close()
        self._connection.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One server and one identity; a fresh connection per request, so that a restarted server is no surprise."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 60

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; `body` is sent as JSON unless it is bytes."""
        connection, response = self._send(method, path, body, query, headers)
        try:
            raw = response.read()
        finally:
            connection.close()
        fields = {name.lower(): value for name, value in response.getheaders()}
        is_json = fields.get("content-type", "").startswith(JSON)
        return Answer(status=response.status, headers=fields, body=json.loads(raw) if is_json else raw.decode())

    def get(self, path: str, **query: str | int | bool) -> Answer:
        return self.request("GET", path, query=query)

    def post(self, path: str, body: Any, **query: str | int | bool) -> Answer:
        return self.request("POST", path, body, query=query)

    def put(self, path: str, body: Any, **query: str | int | bool) -> Answer:
        return self.request("PUT", path, body, query=query)

    def delete(self, path: str, body: Any = None, **query: str | int | bool) -> Answer:
        return self.request("DELETE", path, body, query=query)

    def patch(self, path: str, body: Any, kind: str = "merge-patch+json", **query: str | int | bool) -> Answer:
        """Patch with `application/<kind>`."""
        return self.request("PATCH", path, body, query=query, headers={"Content-Type": f"application/{kind}"})

    def apply(self, path: str, body: Any, manager: str, **query: str | int | bool) -> Answer:
        """Server-side apply as `manager`."""
        return self.patch(path, body, "apply-patch+yaml", fieldManager=manager, **query)

    def watch(self, path: str, *, headers: Mapping[str, str] | None = None, **query: str | int | bool) -> Watch:
        """Open a watch; its events come as they happen, none of them waits longer than the client's timeout."""
        connection, response = self._send("GET", path, None, {"watch": True, "timeoutSeconds": 60, **query}, headers)
        return Watch(connection, response)

    def _send(
        self, method: str, path: str, body: Any, query: Query | None, headers: Mapping[str, str] | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = (
            http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout_seconds, context=self.tls)
            if self.tls
            else http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_seconds)
        )
        target = f"{path}?{urllib.parse.urlencode(_texts(query))}" if query else path
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        content = {"Content-Type": JSON} if data is not None else {}
        try:
            connection.request(method, target, data, {"Accept": JSON, **content, **self.headers, **(headers or {})})
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise


def connect(kubeconfig: Path) -> Api:
    """A client for the current context of a kubeconfig: bearer token or client certificate."""
    config = yaml.safe_load(kubeconfig.read_text())
    context = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"])["user"]
    url = urllib.parse.urlsplit(cluster["server"])
    tls = _tls(cluster, user) if url.scheme == "https" else None
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    return Api(host=url.hostname or "", port=url.port or 443, tls=tls, headers=headers)


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    authority = cluster.get("certificate-authority-data")
    context = ssl.create_default_context(cadata=base64.b64decode(authority).decode() if authority else None)
    if "client-certificate-data" in user:
        # The ssl module reads a client's certificate and key from a file only.
        with tempfile.NamedTemporaryFile() as file:
            file.write(base64.b64decode(user["client-certificate-data"]))
            file.write(base64.b64decode(user["client-key-data"]))
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in items if item["name"] == name)


def _texts(query: Query) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()}
