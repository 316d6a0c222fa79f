"""Ends the Task when the step ends early: signal handler, lease, and the reaper that runs after the step."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any

from kelos.action.api.client import Api
from kelos.action.news.events import Post, Signalled
from kelos.api.kinds import TASK, Manifest
from kelos.api.names import ANNOTATION_CANCEL, ANNOTATION_LEASE, ANNOTATION_TRIGGERED_BY
from kelos.errors import Conflict, Invalid, KelosError, NotFound

TRIES = 2
TRY_SECONDS = 2.0
REAPER_SECONDS = 30.0
REAPER_PAUSE_SECONDS = 1.0
RENEWALS_PER_LEASE = 6
SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """How to find and end the Task; kept in a file, so that the reaper knows what a killed step left behind.

    `uid` is empty until the create was answered: until then `triggered_by` tells ours from another of that name.
    `is_over` is set once nothing is left to be ended.
    """

    namespace: str
    name: str
    uid: str = ""
    on_cancel: str = "cancel"
    by: str = ""
    triggered_by: str = ""
    is_over: bool = False


class Hold:
    """Our grip on one Task: how to end it, and the note that tells the reaper whether it still must."""

    def __init__(self, api: Api, handle: Handle, path: Path) -> None:
        self._api = api
        self._path = path
        self._lock = threading.Lock()
        self._has_begun = self._is_barred = False
        self.handle = handle

    def begin(self) -> bool:
        """Leave the note just before the create is sent; False when the step was stopped in the meantime."""
        with self._lock:
            if not self._is_barred:
                self._has_begun = True
                save_handle(self._path, self.handle)
            return self._has_begun

    def bar(self) -> bool:
        """Let no create begin any more; True when none had begun, so that there is nothing to end."""
        with self._lock:
            self._is_barred = True
            return not self._has_begun

    def identify(self, task: Manifest) -> None:
        """The create was answered: from now on the uid keeps us off another Task of that name."""
        metadata = task["metadata"]
        self._become(replace(self.handle, name=str(metadata["name"]), uid=str(metadata.get("uid") or "")))

    def let_go(self) -> None:
        """Nothing is left that the reaper would have to end."""
        self._become(replace(self.handle, is_over=True))

    def end(self, why: str) -> bool:
        """Ask for the Task's end, and let go of it when that was heard."""
        is_ended = end_task(self._api, self.handle, why)
        if is_ended:
            self.let_go()
        return is_ended

    def detach(self) -> None:
        """Let the Task go on without us, and without the lease that we would have to renew."""
        self.let_go()
        patch = _patch(self.handle, {ANNOTATION_LEASE: None})
        self._api.patch(TASK, self.handle.namespace, self.handle.name, patch)

    def _become(self, handle: Handle) -> None:
        self.handle = handle
        save_handle(self._path, handle)


def hear_signals() -> None:
    """Let through the signal that the entry point held back, and all others: from now on a way out is prepared."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def catch_signals(post: Post) -> None:
    """A first signal becomes an event; a second one ends the process at once, and the lease does the rest."""
    is_second = threading.Event()

    def caught(number: int, frame: FrameType | None) -> None:
        if is_second.is_set():
            os._exit(130)
        is_second.set()
        post(Signalled(number=number))

    for name in SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), caught)


def end_task(api: Api, handle: Handle, why: str, *, tries: int = TRIES, seconds: float = TRY_SECONDS) -> bool:
    """Ask for the end as `on-cancel` says, quickly; True once the cluster has accepted that, or the Task is gone."""
    return any(_within(seconds, lambda: _ask(api, handle, why, seconds)) for _ in range(tries))


def reap(api: Api, handles: list[Handle], *, clock: Callable[[], float], sleep: Callable[[float], object]) -> set[str]:
    """The reaper's insistence: the same requests for half a minute. The names of those that ended."""
    until = clock() + REAPER_SECONDS
    ended: set[str] = set()
    while True:
        for handle in handles:
            if handle.name not in ended and end_task(api, handle, "The step ended before its Task", tries=1):
                ended.add(handle.name)
        if len(ended) == len(handles) or clock() >= until:
            return ended
        sleep(REAPER_PAUSE_SECONDS)


def keep_lease(api: Api, handle: Handle, *, value: Callable[[int], str], seconds: int, stop: threading.Event) -> None:
    """The body of a thread: raise the count until `stop`. A failed try is no news; the next one comes soon enough."""
    count = 0
    while not stop.wait(seconds / RENEWALS_PER_LEASE):
        count += 1
        try:
            annotations = {ANNOTATION_LEASE: value(count)}
            api.patch(TASK, handle.namespace, handle.name, _patch(handle, annotations), timeout=seconds / 3)
        except NotFound:
            return
        except KelosError:
            continue


def save_handle(path: Path, handle: Handle) -> None:
    """Written whole or not at all: the process may die at any moment."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(handle)), encoding="utf-8")
    draft.replace(path)


def left_behind(folder: Path) -> list[Handle]:
    """The Tasks that a step in this folder left without an end, and that are not meant to go on."""
    found = (load_handle(path) for path in sorted(folder.glob("task-*.json")))
    return [handle for handle in found if handle and not handle.is_over and handle.on_cancel != "detach"]


def load_handle(path: Path) -> Handle | None:
    """What a step left behind; None when it never got as far as a Task."""
    try:
        return Handle(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _ask(api: Api, handle: Handle, why: str, seconds: float) -> bool:
    try:
        if not handle.uid and handle.triggered_by:
            metadata = api.get(TASK, handle.namespace, handle.name, timeout=seconds)["metadata"]
            if (metadata.get("annotations") or {}).get(ANNOTATION_TRIGGERED_BY) != handle.triggered_by:
                return True  # somebody else's has the name, so that ours was refused
            handle = replace(handle, uid=str(metadata["uid"]))
        if handle.on_cancel == "delete":
            api.delete(TASK, handle.namespace, handle.name, uid=handle.uid, timeout=seconds)
        else:
            at = datetime.now(timezone.utc).isoformat(timespec="seconds")
            annotations = {ANNOTATION_CANCEL: json.dumps({"by": handle.by or "kelos-action", "at": at, "why": why})}
            api.patch(TASK, handle.namespace, handle.name, _patch(handle, annotations), timeout=seconds)
    except NotFound:
        return bool(handle.uid)  # never seen: the POST may still be on its way
    except Conflict:
        return True  # the name belongs to another Task by now
    except Invalid as error:
        return "metadata.uid" in str(error)  # the same, in the words of servers that call a uid immutable
    except KelosError:
        return False
    return True


def _patch(handle: Handle, annotations: Mapping[str, str | None]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"annotations": dict(annotations)}
    if handle.uid:
        metadata["uid"] = handle.uid  # a precondition: another Task of that name is none of our business
    return {"metadata": metadata}


def _within(seconds: float, call: Callable[[], bool]) -> bool:
    """Whether the call said yes in time: name lookups and handshakes have no limit of their own."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(call()), daemon=True)
    thread.start()
    thread.join(seconds)
    return answers == [True]
