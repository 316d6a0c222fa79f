"""The same test twice: with a steady controller, and with one that is killed in the middle of every Task."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from kelos.api.kinds import TASK

from .installation import Installation

MIDDLE = ("Waiting", "Pending", "Running")


class Killer:
    """Watches one namespace and kills the controller once for every Task that has begun and not ended."""

    def __init__(self, place: Installation) -> None:
        self._place, self._is_over = place, threading.Event()
        self.killed: dict[str, str] = {}
        """The phase in which each Task was seen right before."""
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.1):
            fresh = {name: phase for name, phase in phases(self._place).items() if name not in self.killed}
            if begun := {name: phase for name, phase in fresh.items() if phase in MIDDLE}:
                self._place.kill_controller()
                self.killed |= begun


def phases(place: Installation) -> dict[str, str]:
    """The phase of every Task of the namespace; empty before the controller has seen it."""
    path = f"/apis/{TASK.group}/{TASK.version}/namespaces/{place.namespace}/{TASK.plural}"
    items = place.cluster.api.get(path).expect()["items"]
    return {item["metadata"]["name"]: (item.get("status") or {}).get("phase", "") for item in items}


@pytest.fixture(params=["steady", "killed"])
def place(request: pytest.FixtureRequest, installation: Installation) -> Iterator[Installation]:
    """A namespace for a test that says the same of both controllers."""
    if request.param == "steady":
        yield installation
        return
    with Killer(installation) as killer:
        yield installation
    assert set(phases(installation)) == set(killer.killed), "a Task ended before its controller could be killed"
