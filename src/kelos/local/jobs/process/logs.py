"""Logs of all containers on disk, and the reader that the API server serves them with."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from kelos.api.kinds import Manifest
from kelos.errors import Invalid
from kelos.local.jobs.process.lines import BLOCK_BYTES, Renderer, tail_start

POLL_SECONDS = 0.05


class PodLogs:
    """`<root>/<namespace>_<pod>_<uid>/<container>/<run>.log`; whoever runs containers says when they begin and end."""

    def __init__(self, root: Path, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._root = root
        self._poll_seconds = poll_seconds
        self._live: dict[Path, asyncio.Event] = {}

    def begin(self, pod: Manifest, container: str, run: int) -> Path:
        """A new file for one run of a container."""
        folder = self._folder(pod) / container
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{run}.log"
        path.touch(mode=0o600)
        self._live[path] = asyncio.Event()
        return path

    def end(self, path: Path) -> None:
        """Nothing more is written: who follows reads the rest and stops."""
        if ended := self._live.pop(path, None):
            ended.set()

    def remove(self, pod: Manifest) -> None:
        """The pod is gone, and its logs with it."""
        shutil.rmtree(self._folder(pod), ignore_errors=True)

    def keep_only(self, pods: Iterable[Manifest]) -> None:
        """Remove the logs of pods that went while nobody watched."""
        known = {self._folder(pod) for pod in pods}
        for folder in self._root.glob("*_*_*"):
            if folder not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def tail(self, path: Path, lines: int) -> bytes:
        """The end of a finished log, without times."""
        with path.open("rb") as file:
            file.seek(tail_start(file, lines))
            return Renderer().feed(file.read())

    async def read(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool = False,
        tail_lines: int | None = None,
        limit_bytes: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> AsyncIterator[bytes]:
        """The newest run's output in chunks; with `follow` until the container ended and all was read."""
        path = self._newest(namespace, pod, container)
        renderer = Renderer(since=since, timestamps=timestamps, limit_bytes=limit_bytes)
        with path.open("rb") as file:
            if tail_lines is not None:
                file.seek(tail_start(file, tail_lines))
            while not renderer.is_full:
                ended = self._live.get(path) if follow else None
                block = file.read(BLOCK_BYTES)
                if block:
                    if chunk := renderer.feed(block):
                        yield chunk
                    await asyncio.sleep(0)  # a long log must not hold up everybody else
                elif ended is None:
                    return
                else:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(ended.wait(), self._poll_seconds)

    def _folder(self, pod: Manifest) -> Path:
        metadata = pod["metadata"]
        return self._root / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"

    def _newest(self, namespace: str, pod: str, container: str) -> Path:
        """Names of objects have no underscore and no wildcard, so the prefix is the pod."""
        prefix = f"{namespace}_{pod}_"
        folders = [each for each in self._root.glob("*") if each.name.startswith(prefix)]
        runs = [path for folder in folders for path in (folder / container).glob("*.log")]
        if not runs or "/" in container or container.startswith("."):
            text = f'container "{container}" in pod "{pod}" is waiting to start'
            raise Invalid(text, status=400, reason="BadRequest")
        return max(runs, key=lambda path: (path.parent.parent.stat().st_mtime_ns, int(path.stem)))
