"""A fake node that reads from each pod what to do, so that one manifest means the same on a plane that runs it.

The arguments of the first container say it: `exit CODE [MESSAGE]` ends at once, `hang` runs until it is deleted.
"""

import threading
from types import TracebackType
from typing import Any, Self

from .client import Api, UnexpectedAnswerError, Watch
from .fake_node import FakeNode

TERMINATED_BY_SIGNAL = 143


class ObedientNode:
    """Runs every pod of one namespace until the block ends."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._node = FakeNode(api)
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._watch: Watch = api.watch(self._path)
        self._running: set[str] = set()
        self._thread = threading.Thread(target=self._obey, name=f"node of {namespace}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.end()
        self._thread.join(timeout=10)

    def _obey(self) -> None:
        with self._watch:
            for event in self._watch:
                if event["type"] in ("ADDED", "MODIFIED"):
                    self._serve_if_there(event["object"])

    def _serve_if_there(self, pod: dict[str, Any]) -> None:
        try:
            self._serve(pod)
        except UnexpectedAnswerError as error:
            if error.status not in (404, 409):  # deleted since, which another event will tell
                raise

    def _serve(self, pod: dict[str, Any]) -> None:
        uid = pod["metadata"]["uid"]
        word, *rest = pod["spec"]["containers"][0].get("args", ["hang"])
        is_deleted = "deletionTimestamp" in pod["metadata"]
        is_over = pod["status"].get("phase") in ("Succeeded", "Failed")
        if is_deleted and not is_over:
            self._node.finish(pod, exit_code=TERMINATED_BY_SIGNAL)
        if is_deleted:
            self._node.remove(pod)
        elif uid not in self._running:
            self._running.add(uid)
            self._node.run(pod)
            if word == "exit":
                code, message = (*rest, "")[:2]
                self._node.finish(pod, exit_code=int(code), message=message)
