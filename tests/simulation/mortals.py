"""Processes of a simulation: each may die between two steps of anything, and is replaced when none is left."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

REPLACED_SECONDS = 2.0


@dataclass(kw_only=True)
class Process:
    """One process and its way to the API. `left_writes`: after so many more it dies."""

    door: Any
    running: asyncio.Task[None]
    left_writes: float | None = None


Mortal = TypeVar("Mortal", bound=Process)


class Mortals(ABC, Generic[Mortal]):
    """Who keeps the processes of one stage. `role` is what they are, for the trace."""

    role: str

    def __init__(self, loop: asyncio.AbstractEventLoop, *, with_trace: bool) -> None:
        self.processes: list[Mortal] = []
        self.trace: list[str] = []
        self._loop = loop
        self._with_trace = with_trace
        self._background: set[asyncio.Task[None]] = set()

    @abstractmethod
    def _start_process(self) -> None: ...

    @abstractmethod
    def _complain(self, law: str, why: str) -> None: ...

    def _host(self, process: Mortal) -> None:
        """Watch over a process that has just begun."""
        process.door.arrived = lambda _: self._wrote(process)
        process.running.add_done_callback(self._has_ended)
        self.processes.append(process)

    def _kill(self, process: Mortal) -> None:
        """Between two steps of anything: what was sent is on its way, and no answer is heard."""
        process.door.is_dead = True
        process.running.cancel()
        self._background.add(process.running)

    def _spawn(self, deed: Coroutine[Any, Any, None]) -> None:
        self._background.add(asyncio.ensure_future(deed))

    def _note(self, line: str) -> None:
        if self._with_trace:
            self.trace.append(f"{self._loop.time():8.3f} {line}")

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self._loop.time()))

    def _has_ended(self, running: asyncio.Task[None]) -> None:
        if not running.cancelled() and running.exception() is not None:
            self._complain("does not break", f"the {self.role} ended: {running.exception()!r}")

    def _wrote(self, process: Mortal) -> None:
        if process.left_writes is None:
            return
        process.left_writes -= 1
        if process.left_writes <= 0 and process in self.processes:
            self._note(f"weather: the {self.role} dies after this write")
            self.processes.remove(process)
            self._kill(process)
            self._spawn(self._replace())

    async def _replace(self) -> None:
        await asyncio.sleep(REPLACED_SECONDS)
        if not self.processes:
            self._start_process()
