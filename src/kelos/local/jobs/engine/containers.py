"""One container of an engine: made, started with its output in our log, ended, removed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.jobs.engine.argv import Wanted, create
from kelos.local.jobs.engine.client import Client
from kelos.local.jobs.moments import utc_now
from kelos.local.jobs.process.supervise import BLOCK_BYTES, LineWriter
from kelos.local.jobs.runs import Exit, StartError

LOOK_SECONDS = 0.1
KILLED = 137


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedContainer:
    """A container whose image is there; `variables` are values for the client's environment."""

    client: Client
    wanted: Wanted
    variables: Mapping[str, str]
    log: Path

    @property
    def id(self) -> str:
        return f"{self.client.name}://{self.wanted.name}"

    async def start(self) -> EngineContainer:
        """Raises StartError; nothing is left then."""
        name = self.wanted.name
        try:
            made = await self.client.ask(*create(self.wanted), variables=self.variables)
            if made.code:
                raise StartError(made.sentence)
            attached = await self.client.begin("start", "--attach", name)
            output = asyncio.create_task(_copy_output(attached, self.log))
            while not (state := await _look(self.client, name)).get("started") and not output.done():
                await asyncio.wait({output}, timeout=LOOK_SECONDS)
            state = state if state.get("started") else await _look(self.client, name)
            if not state.get("started"):
                await output
                raise StartError(str(state.get("error") or f"{self.client.name} could not start it; see its log"))
        except BaseException:
            await asyncio.shield(self.client.ask("rm", "--force", name))
            raise
        return EngineContainer(self.client, name, state["started"], output)


class EngineContainer:
    """A started container. Once `wait` returned it is removed, and all its processes with it."""

    def __init__(self, client: Client, name: str, started_at: datetime, output: asyncio.Task[None]) -> None:
        self.started_at = started_at
        self._client = client
        self._name = name
        self._calls: set[asyncio.Task[Any]] = set()
        self._end = asyncio.create_task(self._follow(output))

    def terminate(self) -> None:
        self._call(self._client.ask("kill", "--signal", "TERM", self._name))

    def kill(self) -> None:
        if not self._end.done():
            self._call(self._client.ask("kill", "--signal", "KILL", self._name))

    async def wait(self) -> Exit:
        return await asyncio.shield(self._end)

    async def _follow(self, output: asyncio.Task[None]) -> Exit:
        """The client that copies the output ends with the container; should it end sooner the container must, too."""
        await output
        state = await _look(self._client, self._name)
        if state.get("running"):
            await self._client.ask("kill", "--signal", "KILL", self._name)
            await self._client.ask("wait", self._name)
            state = await _look(self._client, self._name)
        await asyncio.gather(*self._calls)
        await self._client.ask("rm", "--force", self._name)
        reason = "OOMKilled" if state.get("oom") else ""
        return Exit(code=state.get("code", KILLED), finished_at=state.get("finished") or utc_now(), reason=reason)

    def _call(self, deed: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(deed)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)


def state_of(text: str) -> Manifest:
    """What `inspect` says of a container: started, finished, running, code, oom, error. Empty when it is gone."""
    try:
        state = json.loads(text)
    except ValueError:
        return {}
    return {
        "started": _moment(state.get("StartedAt")),
        "finished": _moment(state.get("FinishedAt")),
        "running": bool(state.get("Running")),
        "code": int(state.get("ExitCode") or 0),
        "oom": bool(state.get("OOMKilled")),
        "error": state.get("Error") or "",
    }


def _moment(text: Any) -> datetime | None:
    """Engines write nanoseconds, and the year 1 for what did not happen."""
    if not isinstance(text, str) or text.startswith("0001-"):
        return None
    whole, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return datetime.fromisoformat(f"{whole}{dot}{digits[:6].ljust(6, '0') if dot else ''}{rest[len(digits) :]}")


async def _look(client: Client, name: str) -> Manifest:
    return state_of((await client.ask("inspect", "--format", "{{json .State}}", name)).out)


async def _copy_output(process: asyncio.subprocess.Process, log: Path) -> None:
    """Both streams into the log until they end, then the client's own end."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        await asyncio.gather(
            _copy(process.stdout, LineWriter(file, b"stdout")), _copy(process.stderr, LineWriter(file, b"stderr"))
        )
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
        os.close(file)


async def _copy(stream: asyncio.StreamReader, writer: LineWriter) -> None:
    while data := await stream.read(BLOCK_BYTES):
        writer.feed(data)
    writer.close()
