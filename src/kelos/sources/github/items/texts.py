"""What templates get to see of a discussion: the newest of it, within a budget."""

from __future__ import annotations

from collections import deque
from typing import Any

BUDGET_BYTES = 64 * 1024
BETWEEN = "\n---\n"


class Tail:
    """Texts in their order, of which the oldest are dropped until the rest fits. Only bodies are counted."""

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self._budget = budget_bytes
        self._size = 0
        self._kept: deque[tuple[int, str]] = deque()

    def add(self, body: str, *, heading: str = "") -> None:
        size = len(body.encode("utf-8", "surrogatepass"))
        self._kept.append((size, f"{heading}\n{body}" if heading else body))
        self._size += size
        while self._size > self._budget:
            self._size -= self._kept.popleft()[0]

    def __str__(self) -> str:
        return BETWEEN.join(text for _, text in self._kept)


def place_of(comment: dict[str, Any]) -> str:
    """Where in the code a comment stands: `path:line`, or the path alone."""
    line = comment.get("line")
    path = str(comment.get("path") or "")
    return f"{path}:{line}" if isinstance(line, int) and line > 0 else path
