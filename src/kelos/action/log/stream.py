"""Reads the log of the Task's pods as it grows, container by container, across broken streams and new attempts."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from queue import SimpleQueue

from kelos.action.api.client import Api
from kelos.action.api.patience import Patience
from kelos.action.news.events import LogLine, LogsOver, Post
from kelos.api.kinds import POD, Manifest
from kelos.api.names import CONTAINER_AGENT, CONTAINER_PREPARE
from kelos.errors import ClusterError, Forbidden, Invalid, KelosError, NotFound

SILENCE_SECONDS = 300.0
WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 5.0  # a pod may wait for minutes, for a node or an image

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ")


class Resumption:
    """Where a log was broken off: which lines of the next stream were shown already."""

    def __init__(self) -> None:
        self._newest: tuple[str, str] = ("", "")
        self._zone = "Z"
        self._seen_at_newest = 0  # lines with exactly the newest stamp
        self._to_skip = 0

    def since(self) -> dict[str, str]:
        """The query for the next stream; the server counts in whole seconds, so it repeats some lines."""
        self._to_skip = self._seen_at_newest
        return {"sinceTime": f"{self._newest[0]}{self._zone}"} if self._newest[0] else {}

    def fresh(self, line: bytes) -> str | None:
        """The line without its stamp; None when it was shown before."""
        match = _STAMP.match(line)
        if match is None:
            return line.rstrip(b"\r\n").decode(errors="replace")
        stamp = (match[1].decode(), (match[2] or b"").decode().ljust(9, "0"))
        if stamp < self._newest:
            return None
        if stamp == self._newest:
            if self._to_skip:
                self._to_skip -= 1
                return None
            self._seen_at_newest += 1
        else:
            self._newest, self._zone, self._seen_at_newest, self._to_skip = stamp, match[3].decode(), 1, 0
        return line[match.end() :].rstrip(b"\r\n").decode(errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStream:
    """Posts the lines of every pod whose name it is given, then LogsOver once it is given None."""

    api: Api
    namespace: str
    pods: SimpleQueue[str | None]
    post: Post
    patience: Patience
    stop: threading.Event

    def run(self) -> None:
        """The body of a thread. A log that cannot be read is a warning, never the end of the step."""
        warning = ""
        try:
            while (pod := self.pods.get()) is not None and not self.stop.is_set():
                warning = self._pod(pod) or warning
        except Forbidden:
            warning = 'The log may not be read: add resources ["pods", "pods/log"], verbs ["get"] to the Role'
        except KelosError as error:
            warning = f"The log cannot be read any further: {error}"
        self.post(LogsOver(warning=warning))

    def _pod(self, name: str) -> str:
        manifest = self._find(name)
        if manifest is None:
            return f"Pod '{name}' is gone, and its log with it"
        for container in _containers(manifest):
            self._container(name, container)
        return ""

    def _container(self, pod: str, container: str) -> None:
        resumption, wait = Resumption(), WAIT_SECONDS
        while not self.stop.is_set():
            # Asked before the stream is read: a stream that ends after the container did is whole.
            found = self._find(pod)
            is_over = found is None or has_ended(found, container)
            try:
                self._read(pod, container, resumption)
                wait = WAIT_SECONDS
            except Invalid:  # the container has not started, and perhaps never will
                wait = min(wait * 1.5, LONGEST_WAIT_SECONDS)
            except NotFound:
                return
            except Forbidden:
                raise
            except ClusterError as error:
                self.patience.failed(error)
                continue
            if is_over:
                return
            self.stop.wait(wait)

    def _read(self, pod: str, container: str, resumption: Resumption) -> None:
        query = {"container": container, "follow": "true", "timestamps": "true", **resumption.since()}
        path = POD.path(self.namespace, pod, "log")
        with self.api.lines(path, query, silence_seconds=SILENCE_SECONDS) as lines:
            self.patience.worked()
            for line in lines:
                if (text := resumption.fresh(line)) is not None:
                    self.post(LogLine(container=container, text=text, pod=pod))

    def _find(self, name: str) -> Manifest | None:
        try:
            return self.patience.insist(lambda: self.api.get(POD, self.namespace, name))
        except NotFound:
            return None


def has_ended(pod: Manifest, container: str) -> bool:
    """Whether nothing will be added to that container's log any more."""
    status = pod.get("status") or {}
    if status.get("phase") in ("Succeeded", "Failed"):
        return True
    for entry in _states(status):
        if entry.get("name") == container:
            return "terminated" in (entry.get("state") or {})
    return False


def _containers(pod: Manifest) -> tuple[str, ...]:
    named = {entry.get("name") for entry in (pod.get("spec") or {}).get("initContainers") or ()}
    return (CONTAINER_PREPARE, CONTAINER_AGENT) if CONTAINER_PREPARE in named else (CONTAINER_AGENT,)


def _states(status: Manifest) -> Iterable[Manifest]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()
