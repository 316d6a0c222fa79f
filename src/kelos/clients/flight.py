"""Answers on their way: what all of them together may take while they are read, and what may be made of one.

A small answer always comes through. Large ones that arrive together with too many others are given up and asked for
again: a server that sends without end crowds out large answers at most.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kelos.errors import RemoteError

MIB = 1024 * 1024
USUAL_BYTES = 128 * MIB
SMALL_BYTES = MIB
LIST_BYTES = 128 * MIB
"""What a page may become when it is decoded: a hundred issues with much code in them take a tenth of it."""
OBJECT_BYTES = 8 * MIB

_COSTS = ((b"{", 200), (b"[", 60), (b",", 60), (b":", 60))
"""About what Python takes for each of these, wherever it stands."""

Grow = Callable[[int], None]


class TooMuch(ValueError):
    """Decoding it would take too much memory."""


@dataclass(kw_only=True)
class Flight:
    """Of one process."""

    limit_bytes: int = USUAL_BYTES
    size_bytes: int = 0

    @contextmanager
    def answer(self, what: str) -> Iterator[Grow]:
        """Tell it of each part that comes. Raises RemoteError when there is no room for another."""
        own_bytes = 0

        def grow(more_bytes: int) -> None:
            nonlocal own_bytes
            own_bytes += more_bytes
            self.size_bytes += more_bytes
            if own_bytes > SMALL_BYTES and self.size_bytes > self.limit_bytes:
                raise RemoteError(f"{what} is large, and too many large answers come at once; it is asked again soon")

        try:
            yield grow
        finally:
            self.size_bytes -= own_bytes


def decode(content: bytes, most_bytes: int) -> Any:
    """The document. Raises ValueError when there is none, and TooMuch before it takes more than that."""
    if len(content) * max(cost for _, cost in _COSTS) > most_bytes and weight_of(content) > most_bytes:
        raise TooMuch(f"it would take more than {most_bytes // MIB} MiB of memory")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def weight_of(content: bytes) -> int:
    """About how many bytes a document takes when it is decoded; rather too many."""
    is_wide = not content.isascii() or b"\\u" in content  # one such character widens all of its text
    letters = len(content) * (4 if is_wide else 1)
    return letters + sum(content.count(sign) * cost for sign, cost in _COSTS)
