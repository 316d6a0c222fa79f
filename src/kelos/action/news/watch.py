"""Follows one Task: watch, list again when the watch cannot go on, poll when there can be no watch."""

from __future__ import annotations

import json
import threading
from time import monotonic
from typing import Any

from kelos.action.api.client import Api
from kelos.action.api.patience import Patience
from kelos.action.news.events import Broken, Post, Seen, Vanished, Warned
from kelos.api.kinds import TASK, Manifest
from kelos.errors import ClusterError, Forbidden, Gone, Invalid, KelosError, NotFound, Unavailable, cluster_error

WATCH_SECONDS = 300
SILENCE_SECONDS = WATCH_SECONDS + 15.0
RECONNECT_SECONDS = 0.2


class _Ended(Exception):
    """Nothing is left to follow; Vanished was posted."""


class Follower:
    """Posts every change of one Task until `stop` is set or the Task is gone."""

    def __init__(
        self,
        api: Api,
        task: Manifest,
        *,
        post: Post,
        patience: Patience,
        stop: threading.Event,
        poll_seconds: float,
    ) -> None:
        self._api = api
        self._task = task
        self._post = post
        self._patience = patience
        self._stop = stop
        self._poll_seconds = poll_seconds
        self._version = str(task["metadata"].get("resourceVersion") or "")
        self._namespace = str(task["metadata"]["namespace"])
        self._name = str(task["metadata"]["name"])

    def run(self) -> None:
        """The body of a thread."""
        try:
            while not self._stop.is_set():
                self._turn()
        except _Ended:
            pass
        except KelosError as error:
            self._post(Broken(error=error))

    def _turn(self) -> None:
        try:
            if not self._version:
                self._list()
            if not self._watch():
                self._version = ""
                self._stop.wait(self._poll_seconds)
        except Gone:
            self._version = ""
        except Forbidden:
            self._post(Warned(text="Watching Tasks is not allowed here: the Task is read every few seconds instead"))
            self._poll()
        except Invalid as error:
            text = f"The cluster takes a watch for invalid ({error}): the Task is read every few seconds instead"
            self._post(Warned(text=text))
            self._poll()
        except ClusterError as error:
            self._patience.failed(error)
        self._stop.wait(RECONNECT_SECONDS)

    def _watch(self) -> bool:
        """Whether the watch lived; one that ends at once and empty, as some proxies have it, is no way to go on."""
        began, is_empty = monotonic(), True
        query = {
            **self._selector(),
            "watch": "true",
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        with self._api.lines(TASK.path(self._namespace), query, silence_seconds=SILENCE_SECONDS) as lines:
            for line in lines:
                if self._stop.is_set():
                    return True
                is_empty = False
                self._take(line)
                self._patience.worked()
        return not is_empty or monotonic() - began >= self._poll_seconds

    def _take(self, line: bytes) -> None:
        try:
            change = json.loads(line)
            kind, found = str(change["type"]), dict(change["object"])
        except (ValueError, TypeError, KeyError) as error:
            raise Unavailable("The watch was cut off in the middle of an event") from error
        if kind == "ERROR":
            raise cluster_error(
                int(found.get("code") or 500), str(found.get("message")), reason=str(found.get("reason"))
            )
        self._version = str(found.get("metadata", {}).get("resourceVersion") or "")
        if kind == "DELETED" and self._is_ours(found):
            self._end(found)
        elif kind in ("ADDED", "MODIFIED"):
            self._see(found)

    def _list(self) -> None:
        page = self._api.list(TASK, self._namespace, self._selector())
        self._patience.worked()
        items = page.get("items") or []
        if not items:
            self._end(self._task)
        self._see(items[0])
        self._version = str(page.get("metadata", {}).get("resourceVersion") or "")

    def _poll(self) -> None:
        while not self._stop.is_set():
            try:
                self._see(self._patience.insist(lambda: self._api.get(TASK, self._namespace, self._name)))
            except NotFound:
                self._end(self._task)
            self._stop.wait(self._poll_seconds)

    def _see(self, found: Manifest) -> None:
        if not self._is_ours(found):
            self._post(Vanished(task=self._task, is_replaced=True))
            raise _Ended
        if found != self._task:
            self._task = found
            self._post(Seen(task=found))

    def _end(self, last: Manifest) -> None:
        self._post(Vanished(task=last))
        raise _Ended

    def _is_ours(self, found: Manifest) -> bool:
        return bool(found.get("metadata", {}).get("uid") == self._task["metadata"].get("uid"))

    def _selector(self) -> dict[str, Any]:
        return {"fieldSelector": f"metadata.name={self._name}"}
