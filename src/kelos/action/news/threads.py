"""The threads of a step. Each ends with the program, and tells what it finds as events."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from random import random
from time import monotonic

from kelos.action import submit
from kelos.action.api.client import Api
from kelos.action.api.patience import Patience
from kelos.action.cancel import Handle, keep_lease
from kelos.action.given.workflow import Workflow
from kelos.action.inputs import ActionInputs
from kelos.action.log.stream import LogStream
from kelos.action.news.events import Broken, Event, LogsOver, Post, Warned
from kelos.action.news.watch import Follower
from kelos.api.kinds import Manifest
from kelos.errors import KelosError

LAST_RENEWAL_SECONDS = 10.0


def outage_seconds(inputs: ActionInputs) -> float:
    """How long the cluster may not answer. Past a lease it ends the Task by itself, so waiting on would hide that."""
    return float(inputs.lease_seconds or inputs.api_outage_timeout)


class Threads:
    """Starts what the step needs, when it needs it."""

    def __init__(self, inputs: ActionInputs, workflow: Workflow, namespace: str, api: Api, post: Post) -> None:
        self._inputs, self._workflow = inputs, workflow
        self._namespace, self._api, self._post = namespace, api, post
        self._pods: SimpleQueue[str | None] = SimpleQueue()
        self._stop = threading.Event()
        self._lease: threading.Thread | None = None

    def follow(self, task: Manifest) -> None:
        """Tell every change of the Task from here on."""
        follower = Follower(
            self._api,
            task,
            post=self._post,
            patience=self.patience(is_known=True),
            stop=self._stop,
            poll_seconds=float(self._inputs.poll_interval),
        )
        lost = KelosError("The Task cannot be followed any further: the warning before this says why")
        self._start(follower.run, otherwise=Broken(error=lost))

    def keep_lease(self, handle: Handle) -> None:
        """Give a sign of life again and again, if the Task was promised one."""
        seconds = self._inputs.lease_seconds
        if not seconds:
            return

        def value(count: int) -> str:
            return submit.lease(self._workflow, count, seconds)

        self._lease = self._start(lambda: keep_lease(self._api, handle, value=value, seconds=seconds, stop=self._stop))

    def stream_logs(self) -> bool:
        """Read the log of every pod that `read_pod` names; False when the user wants none."""
        if self._inputs.logs == "none":
            return False
        stream = LogStream(
            api=self._api,
            namespace=self._namespace,
            pods=self._pods,
            post=self._post,
            patience=self.patience(is_known=True),
            stop=self._stop,
        )
        self._start(stream.run, otherwise=LogsOver())
        return True

    def read_pod(self, name: str) -> None:
        self._pods.put(name)

    def no_more_pods(self) -> None:
        self._pods.put(None)

    def stop(self) -> None:
        """Nobody listens any more. The lease is given a moment to end, or it would come back after being dropped."""
        self._stop.set()
        self._pods.put(None)
        if self._lease:
            self._lease.join(LAST_RENEWAL_SECONDS)

    def hurry(self) -> None:
        """The same without a moment for anything."""
        self._stop.set()

    def patience(self, *, is_known: bool = False) -> Patience:
        """For how long an outage is borne, by a server that has taken our signature before or not."""
        limit = outage_seconds(self._inputs)
        return Patience(limit, clock=monotonic, sleep=self._stop.wait, chance=random, is_known=is_known)

    def _start(self, body: Callable[[], None], *, otherwise: Event | None = None) -> threading.Thread:
        """A fault of ours is told in our words: a traceback may quote outside text, and the runner reads it too."""

        def run() -> None:
            try:
                body()
            except Exception as error:
                self._post(Warned(text=f"A part of the Action has a fault ({where(error)}): report it"))
                if otherwise is not None:
                    self._post(otherwise)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread


def where(error: Exception) -> str:
    """The kind of a fault of ours and the line it is in, without a word from outside."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
