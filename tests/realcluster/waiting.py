"""Waiting for a program: poll until it answers, and give up with a reason."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

POLL_SECONDS = 0.05


def wait_for(what: str, look: Callable[[], Found | None], seconds: float = 60) -> Found:
    """What `look` returns once it is neither None nor false; a started program has no other way to tell."""
    deadline = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(POLL_SECONDS)
