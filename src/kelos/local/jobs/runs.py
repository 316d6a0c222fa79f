"""What the node asks of whatever runs containers: host processes, or a container engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from kelos.api.kinds import Manifest
from kelos.local.jobs.storage.folder import PodFolder


class StartError(Exception):
    """The container could not be started; the text says why."""


class ImageMissing(Exception):
    """The image cannot be had on this node. `is_retried`: asking again could help, as after a failed pull."""

    def __init__(self, text: str, *, is_retried: bool = True) -> None:
        super().__init__(text)
        self.is_retried = is_retried


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """128 plus the signal's number when a signal ended it. `reason` is set when the engine knows a better one."""

    code: int
    finished_at: datetime
    reason: str = ""


class Run(Protocol):
    """A started container. Once `wait` returned nothing of it is alive."""

    started_at: datetime

    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    async def wait(self) -> Exit: ...


class Prepared(Protocol):
    """Everything that one run needs. `start` raises StartError."""

    @property
    def id(self) -> str: ...
    @property
    def log(self) -> Path: ...
    async def start(self) -> Run: ...


class Runner(Protocol):
    """One way to run the containers of a pod."""

    @property
    def is_shared(self) -> bool:
        """Whether containers are other users than the node, so that volumes must be open to all."""

    async def prepare(
        self, container: Manifest, pod: Manifest, folder: PodFolder, volumes: Mapping[str, Path], run: int
    ) -> Prepared:
        """Raises ConfigError and ImageMissing; both may heal."""
