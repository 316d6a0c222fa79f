"""The pass every controller repeats: key → reconcile → done, again later, or again after an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from kelos.cluster.queue import Queue
from kelos.errors import ClusterError, Conflict, KelosError


class Log(Protocol):
    """The part of a structlog logger that the loop uses."""

    def info(self, event: str, **fields: object) -> object: ...
    def warning(self, event: str, **fields: object) -> object: ...
    def exception(self, event: str, **fields: object) -> object: ...
