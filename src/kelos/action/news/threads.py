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
from kelos.action.inputs import ActionInputs, Workflow
from kelos.action.log.stream import LogStream
from kelos.action.news.events import Broken, Created, Event, LogsOver, Post, Warned
from kelos.action.news.watch import Follower
from kelos.api.kinds import Manifest
from kelos.errors import KelosError

DETACHED_OUTAGE_SECONDS = 600.0
LAST_RENEWAL_SECONDS = 10.0


class Threads:
    """Starts what the step needs, when it needs it."""

    def __init__(self, inputs: ActionInputs, workflow: Workflow, namespace: str, api: Api, post: Post) -> None:
        self._inputs, self._workflow = inputs, workflow
        self._namespace, self._api, self._post = namespace, api, post
        self._pods: SimpleQueue[str | None] = SimpleQueue()
        self._stop = threading.Event()
        self._lease: threading.Thread | None = None

    def submit(self, manifest: Manifest, begin: Callable[[], bool]) -> None:
        """Create the Task, or find it, and follow it from there; `begin` is asked just before anything is sent."""
        self._start(lambda: self._submit_and_follow(manifest, begin))

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
            patience=self._patience(),
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

    def _submit_and_follow(self, manifest: Manifest, begin: Callable[[], bool]) -> None:
        patience = self._patience()
        try:
            self._api.credentials.signature()  # a login may take long, and until then nothing needs to be ended
            if not begin():
                return
            task, is_new = self._obtain(manifest, patience)
            self._post(Created(task=task, is_new=is_new))
            if self._inputs.wait:
                Follower(self._api, task, post=self._post, patience=patience, stop=self._stop).run()
        except KelosError as error:
            self._post(Broken(error=error))
        except Exception as error:
            self._post(Broken(error=KelosError(f"The Action has a fault ({_where(error)}): report it")))

    def _obtain(self, manifest: Manifest, patience: Patience) -> tuple[Manifest, bool]:
        if self._inputs.on_rerun == "adopt":
            earlier = submit.find_earlier(self._api, self._namespace, manifest, patience)
            if earlier is not None:
                return earlier, False
        return submit.submit(self._api, self._namespace, manifest, patience)

    def _patience(self) -> Patience:
        limit = float(self._inputs.lease_seconds or DETACHED_OUTAGE_SECONDS)
        return Patience(limit, clock=monotonic, sleep=self._stop.wait, chance=random)

    def _start(self, body: Callable[[], None], *, otherwise: Event | None = None) -> threading.Thread:
        """A fault of ours is told in our words: a traceback may quote outside text, and the runner reads it too."""

        def run() -> None:
            try:
                body()
            except Exception as error:
                self._post(Warned(text=f"A part of the Action has a fault ({_where(error)}): report it"))
                if otherwise is not None:
                    self._post(otherwise)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread


def _where(error: Exception) -> str:
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
