"""Where container logs come from: whoever runs the pods hands in a reader."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol


class LogReader(Protocol):
    """Reads what a container wrote. Raises NotFound, or Invalid before the container started."""

    def read(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool,
        tail_lines: int | None,
        limit_bytes: int | None,
        since: datetime | None,
        timestamps: bool,
    ) -> AsyncIterator[bytes]:
        """Chunks, not cut at lines; with `follow` until the container ends."""
        ...


class NoLogs:
    """The reader of a cluster where nobody runs pods."""

    async def read(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool,
        tail_lines: int | None,
        limit_bytes: int | None,
        since: datetime | None,
        timestamps: bool,
    ) -> AsyncIterator[bytes]:
        for nothing in tuple[bytes, ...]():
            yield nothing
