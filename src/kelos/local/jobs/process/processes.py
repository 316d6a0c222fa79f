"""Containers as processes of this host, each below a supervisor that kills its whole tree."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from kelos.local.jobs.process import supervise
from kelos.local.jobs.runs import Exit, StartError

TAG = "KELOS_LOCAL_CONTAINER"
"""In every container's environment: finds what is left should a supervisor be killed."""
KILLED = 128 + signal.SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to run, where, and the file that takes its output. `id` is unique to this run."""

    id: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    log: Path


class ContainerProcess:
    """A started container. Once `wait` returned nothing of its tree is alive."""

    def __init__(self, process: asyncio.subprocess.Process, id: str, started_at: datetime) -> None:
        self._process = process
        self._id = id
        self.started_at = started_at
        self._end = asyncio.create_task(self._follow())

    @property
    def supervisor_pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls, launch: Launch) -> ContainerProcess:
        """Raises StartError when the command cannot be executed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-X", "utf8", supervise.__file__,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env={}, cwd="/", start_new_session=True,
        )  # fmt: skip
        try:
            said = await _introduce(process, launch)
        except BaseException:
            await asyncio.shield(_dismiss(process))
            raise
        if "started" not in said:
            await _dismiss(process)
            raise StartError(str(said.get("refused") or "the supervisor ended before the process started"))
        return cls(process, launch.id, _moment(said["started"]))

    def terminate(self) -> None:
        """Ask the process to end: SIGTERM to it alone, as to the first process of a container."""
        self._say(b"T")

    def kill(self) -> None:
        """SIGKILL to everything it started."""
        self._say(b"K")

    async def wait(self) -> Exit:
        """The end of the process. Its tree is gone then."""
        return await asyncio.shield(self._end)

    def _say(self, command: bytes) -> None:
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing():
            with suppress(OSError):
                stdin.write(command)

    async def _follow(self) -> Exit:
        assert self._process.stdout is not None
        said = _parse(await self._process.stdout.read())
        await _dismiss(self._process)
        if "code" in said:
            return Exit(code=int(said["code"]), finished_at=_moment(said["finished"]))
        sweep(self._id)
        return Exit(code=KILLED, finished_at=datetime.now(timezone.utc))


def sweep(id: str) -> None:
    """Kill what carries the tag of a container whose supervisor is gone."""
    tag = f"{TAG}={id}".encode()
    while found := [pid for pid in _pids() if tag in _environment(pid)]:
        for pid in found:
            supervise.kill(pid)


def _pids() -> list[int]:
    proc = Path("/proc")
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()] if proc.is_dir() else []


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


async def _introduce(process: asyncio.subprocess.Process, launch: Launch) -> dict[str, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    spec = {
        "argv": launch.argv,
        "env": {**launch.environment, TAG: launch.id},
        "cwd": os.fspath(launch.directory),
        "log": os.fspath(launch.log),
    }
    with suppress(OSError):
        process.stdin.write(json.dumps(spec).encode() + b"\n")
        await process.stdin.drain()
    return _parse(await process.stdout.readline())


async def _dismiss(process: asyncio.subprocess.Process) -> None:
    """Close the line, which makes the supervisor kill what is left, and wait for it."""
    if process.stdin is not None:
        process.stdin.close()
    await process.wait()


def _parse(line: bytes) -> dict[str, float]:
    said: dict[str, float] = json.loads(line) if line.strip() else {}
    return said


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
