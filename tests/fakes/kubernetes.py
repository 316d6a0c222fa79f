"""A Kubernetes API server for the Action's tests: Tasks, pods and their logs in memory, and faults on order."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fakes.loopback import on_loopback

Manifest = dict[str, Any]
WAIT_SECONDS = 60.0


@dataclass
class Fault:
    """What goes wrong for the next `times` requests whose `METHOD path?query` matches.

    `drop` closes the connection without an answer; with `after` the request counts before that happens.
    `hold` keeps the answer back until the event is set, and then gives it as usual.
    `empty` is a good answer whose stream ends before it has brought anything.
    """

    match: str
    times: int = 1
    status: int = 503
    reason: str = "ServiceUnavailable"
    message: str = "the server is on strike"
    headers: dict[str, str] = field(default_factory=dict)
    details: Manifest = field(default_factory=dict)
    drop: bool = False
    after: bool = False
    empty: bool = False
    hold: threading.Event | None = None


@dataclass
class Log:
    """One container's log. A stream is broken off after `break_after` lines, once for each number in it."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    is_over: bool = True
    break_after: list[int] = field(default_factory=list)


class FakeKubernetes:
    """State and script of the server; every access holds `changed`."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.tasks: dict[str, Manifest] = {}
        self.pods: dict[str, Manifest] = {}
        self.logs: dict[tuple[str, str], Log] = {}
        self.events: list[tuple[int, str, Manifest]] = []
        self.requests: list[str] = []
        self.others: list[Manifest] = []
        self.tokens: set[str] = set()
        self.faults: list[Fault] = []
        self.namespaces = {"default", "ci"}
        self.on_create: Callable[[Manifest], None] = lambda task: None
        self.on_patch: Callable[[Manifest], None] = lambda task: None
        self.is_closing = False
        self.version = 100
        self.oldest = 0
        self.url = ""

    @property
    def kubeconfig(self) -> Manifest:
        user = {"token": sorted(self.tokens)[0]} if self.tokens else {}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "me", "namespace": "ci"}}],
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": user}],
        }

    def task(self) -> Manifest:
        """The only Task there is."""
        with self.changed:
            (task,) = self.tasks.values()
            return task

    def set_status(self, name: str, **status: Any) -> None:
        """What the controller would write."""
        with self.changed:
            task = self.tasks[name]
            self._store("MODIFIED", name, {**task, "status": {**task.get("status", {}), **status}})

    def succeed(self, name: str, **status: Any) -> None:
        self.set_status(name, **{"phase": "Succeeded", **_ENDED, **status})

    def fail(self, name: str, reason: str, message: str = "it went wrong", **status: Any) -> None:
        self.set_status(name, **{"phase": "Failed", "reason": reason, "message": message, **_ENDED, **status})

    def delete(self, name: str) -> None:
        with self.changed:
            self._store("DELETED", name, self.tasks[name])

    def forget_history(self) -> None:
        """Watches from before now are answered with 410, and running ones get it as an event."""
        with self.changed:
            self.oldest = self.version + 1
            self.version += 1
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            self.events.append((self.version, "ERROR", gone))
            self.changed.notify_all()

    def add_pod(self, name: str, *, containers: tuple[str, ...] = ("kelos-agent",), is_over: bool = True) -> None:
        state = {"terminated": {"exitCode": 0}} if is_over else {"running": {}}
        init = [{"name": container} for container in containers if container == "git-clone"]
        self.pods[name] = {
            "metadata": {"name": name},
            "spec": {"initContainers": init, "containers": [{"name": "kelos-agent"}]},
            "status": {
                "phase": "Succeeded" if is_over else "Running",
                "initContainerStatuses": [{"name": "git-clone", "state": {"terminated": {}}}] if init else [],
                "containerStatuses": [{"name": "kelos-agent", "state": state}],
            },
        }

    def wait_for(self, what: Callable[[], object], why: str) -> None:
        """Block until it is so; a test that waits in vain fails with `why`."""
        with self.changed:
            if not self.changed.wait_for(what, WAIT_SECONDS):
                raise AssertionError(f"Waited in vain: {why}; seen {self.requests}")

    def count(self, pattern: str) -> int:
        """How many requests match."""
        with self.changed:
            return sum(1 for request in self.requests if re.search(pattern, request))

    def _store(self, kind: str, name: str, manifest: Manifest) -> Manifest:
        self.version += 1
        stored = {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": str(self.version)}}
        if kind == "DELETED":
            del self.tasks[name]
        else:
            self.tasks[name] = stored
        self.events.append((self.version, kind, stored))
        self.changed.notify_all()
        return stored


_ENDED = {
    "startTime": "2026-01-01T00:00:05Z",
    "completionTime": "2026-01-01T00:01:05Z",
    "conditions": [{"type": "Succeeded", "status": "True", "reason": "Done", "message": ""}],
}


@contextmanager
def fake_kubernetes(tls: ssl.SSLContext | None = None) -> Iterator[FakeKubernetes]:
    """A server on a free port of loopback, gone at the end."""
    fake = FakeKubernetes()
    with on_loopback(lambda *args: _Request(fake, *args), tls) as fake.url:
        try:
            yield fake
        finally:
            with fake.changed:
                fake.is_closing = True
                fake.changed.notify_all()


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, fake: FakeKubernetes, *args: Any) -> None:
        self.fake = fake
        super().__init__(*args)

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PATCH = do_DELETE = do_GET

    def _serve(self) -> None:
        fake = self.fake
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        line = f"{self.command} {self.path}"
        with fake.changed:
            fake.requests.append(line)
            fault = next((fault for fault in fake.faults if fault.times and re.search(fault.match, line)), None)
            if fault:
                fault.times -= 1
            fake.changed.notify_all()
        self.close_connection = True
        if fake.tokens and (self.headers.get("Authorization") or "").removeprefix("Bearer ") not in fake.tokens:
            self._status(401, "Unauthorized", "Unauthorized")
        elif fault and fault.hold:
            fault.hold.wait(WAIT_SECONDS)
            self._answer(body)
        elif fault and fault.empty:
            self._stream_head()
            self._chunk(b"")
        elif fault and fault.after:
            self.wfile = _Nowhere()  # type: ignore[assignment]
            self._answer(body)
        elif fault and not fault.drop:
            self._status(fault.status, fault.reason, fault.message, details=fault.details, headers=fault.headers)
        elif not fault:
            self._answer(body)

    def _answer(self, body: Manifest) -> None:
        address = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        parts = address.path.strip("/").split("/")
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts else ""
        rest = parts[parts.index("namespaces") + 2 :] if namespace else parts
        if namespace not in self.fake.namespaces:
            self._status(404, "NotFound", f'namespaces "{namespace}" not found')
        elif rest[0] == "tasks":
            self._tasks(namespace, rest[1:], query, body)
        elif rest[0] == "pods" and len(rest) == 2:
            self._object(self.fake.pods.get(rest[1]), rest[1])
        elif rest[0] == "pods" and rest[2] == "log":
            self._log(rest[1], query)
        elif self.command == "POST":
            self.fake.others.append(body)
            self._json(201, body)
        else:
            self._status(404, "NotFound", "the server could not find the requested resource")

    def _tasks(self, namespace: str, rest: list[str], query: dict[str, str], body: Manifest) -> None:
        if self.command == "POST":
            self._create(namespace, query, body)
        elif not rest and "watch" in query:
            self._watch(query)
        elif not rest:
            with self.fake.changed:
                items = [task for task in self.fake.tasks.values() if _matches(task, query)]
                self._json(200, {"metadata": {"resourceVersion": str(self.fake.version)}, "items": items})
        elif self.command == "PATCH":
            self._patch(rest[0], body)
        elif self.command == "DELETE" and rest[0] in self.fake.tasks:
            self.fake.delete(rest[0])
            self._json(200, {"kind": "Status"})
        else:
            self._object(self.fake.tasks.get(rest[0]), rest[0])

    def _create(self, namespace: str, query: dict[str, str], body: Manifest) -> None:
        fake, name = self.fake, body["metadata"]["name"]
        with fake.changed:
            if name in fake.tasks:
                self._status(409, "AlreadyExists", f'tasks.kelos.dev "{name}" already exists')
                return
            made = {"uid": f"uid-{fake.version}", "namespace": namespace, "creationTimestamp": "2026-01-01T00:00:00Z"}
            task = {**body, "metadata": {**body["metadata"], **made}}
            if "dryRun" not in query:
                task = fake._store("ADDED", name, task)
        self._json(201, task)
        if "dryRun" not in query:
            fake.on_create(task)

    def _patch(self, name: str, body: Manifest) -> None:
        fake = self.fake
        with fake.changed:
            task = fake.tasks.get(name)
            if task is None:
                self._object(None, name)
                return
            if body["metadata"].get("uid", task["metadata"]["uid"]) != task["metadata"]["uid"]:
                self._status(409, "Conflict", "Precondition failed: UID in precondition")
                return
            annotations = {**task["metadata"].get("annotations", {}), **body["metadata"].get("annotations", {})}
            kept = {key: value for key, value in annotations.items() if value is not None}
            task = fake._store("MODIFIED", name, {**task, "metadata": {**task["metadata"], "annotations": kept}})
        self._json(200, task)
        fake.on_patch(task)

    def _watch(self, query: dict[str, str]) -> None:
        fake, since = self.fake, int(query.get("resourceVersion") or 0)
        if since < fake.oldest:
            self._status(410, "Expired", "too old resource version")
            return
        self._stream_head()
        sent = since
        while True:
            with fake.changed:
                fake.changed.wait_for(lambda seen=sent: fake.is_closing or fake.version > seen)
                fresh = [event for event in fake.events if event[0] > sent]
                sent = fake.version
            for _, kind, found in fresh:
                if kind == "ERROR" or _matches(found, query):
                    self._chunk(json.dumps({"type": kind, "object": found}).encode() + b"\n")
            if fake.is_closing or any(kind == "ERROR" for _, kind, _ in fresh):
                return

    def _log(self, pod: str, query: dict[str, str]) -> None:
        log = self.fake.logs.get((pod, query["container"]))
        if log is None:
            message = f'container "{query["container"]}" in pod "{pod}" is waiting to start: PodInitializing'
            self._status(400 if pod in self.fake.pods else 404, "BadRequest", message)
            return
        self._stream_head()
        since, sent = query.get("sinceTime", ""), 0
        limit = log.break_after.pop(0) if log.break_after else None
        while True:
            with self.fake.changed:
                self.fake.changed.wait_for(
                    lambda seen=sent: self.fake.is_closing or log.is_over or len(log.lines) > seen
                )
                fresh, is_over = log.lines[sent:limit], log.is_over or self.fake.is_closing
                sent += len(fresh)
            for stamp, text in fresh:
                if f"{stamp[:19]}Z" >= since:
                    self._chunk(f"{stamp} {text}\n".encode(errors="surrogateescape"))
            if limit is not None and sent >= limit:
                return
            if is_over:
                self._chunk(b"")
                return

    def _object(self, found: Manifest | None, name: str) -> None:
        if found is None:
            self._status(404, "NotFound", f'"{name}" not found', details={"name": name})
        else:
            self._json(200, found)

    def _status(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Manifest | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        body = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details or {}}
        self._json(code, body, headers or {})

    def _json(self, code: int, body: Manifest, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream_head(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        try:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        except OSError:
            pass


class _Nowhere:
    """Where the answer goes when the client shall not get it."""

    def write(self, data: bytes) -> int:
        return len(data)

    def flush(self) -> None:
        pass

    closed = True


def _matches(task: Manifest, query: dict[str, str]) -> bool:
    field_selector, labels = query.get("fieldSelector", ""), task["metadata"].get("labels", {})
    if field_selector and field_selector != f"metadata.name={task['metadata']['name']}":
        return False
    wanted = [part.split("=") for part in query.get("labelSelector", "").split(",") if part]
    return all(labels.get(key) == value for key, value in wanted)
