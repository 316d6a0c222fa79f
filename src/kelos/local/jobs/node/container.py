"""One container from its first try to its last end.

waiting (configuration, image) ──▶ running ──▶ ended ──▶ gone, or back-off and running again
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kelos.api.kinds import Manifest
from kelos.local.jobs.node.board import Board
from kelos.local.jobs.node.stop import Stop, either
from kelos.local.jobs.node.surroundings import Surroundings
from kelos.local.jobs.pod.states import ConfigError, Container, Ended, Waiting, should_restart
from kelos.local.jobs.pod.termination import (
    FILE_LIMIT_BYTES,
    LOG_LIMIT_LINES,
    falls_back_to_log,
    message_of,
    message_of_log,
    reason_of,
    within_share,
)
from kelos.local.jobs.runs import Exit, ImageMissing, Prepared, Run, Runner, StartError
from kelos.local.jobs.storage.folder import PodFolder

CANNOT_START = 128


@dataclass(slots=True)
class ContainerLife:
    """Runs one container of a pod until it ended for good or `stop` is asked."""

    spec: Manifest
    node: Surroundings
    runner: Runner
    board: Board
    folder: PodFolder
    volumes: Mapping[str, Path]
    stop: Stop
    started: asyncio.Event = field(default_factory=asyncio.Event)
    _runs: int = 0

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def state(self) -> Container:
        return self.board.containers[self.name]

    async def run(self) -> None:
        restarts = 0
        while not self.stop.asked.is_set():
            ended = await self._run_once()
            if ended is None:
                return
            policy = str(self.board.pod["spec"].get("restartPolicy") or "Always")
            again = should_restart(policy, self.state.role, ended) and not self.stop.asked.is_set()
            if not again:
                await self.board.put(self.state.now(ended))
                return
            self.board.set(self.state.now(ended))
            await self._back_off(restarts)
            restarts += 1

    async def _run_once(self) -> Ended | None:
        """One run; None when the pod stopped before it began."""
        prepared = await self._prepare()
        if prepared is None:
            return None
        try:
            process = await prepared.start()
        except StartError as error:
            return await self._refused(prepared, error)
        try:
            self.board.set(self.state.runs(prepared.id, process.started_at))
            self.started.set()
            await self.board.show()
            await self._tell("Normal", "Started", f"Started container {self.name}")
            end = await self._await_end(process)
        finally:
            process.kill()
            await process.wait()
            self.node.logs.end(prepared.log)
        return Ended(
            exit_code=end.code,
            reason=end.reason or reason_of(end.code),
            message=self._message(prepared, end),
            started_at=process.started_at,
            finished_at=end.finished_at,
        )

    async def _prepare(self) -> Prepared | None:
        """What to execute, retried until everything it needs is there; None when the pod stops first."""
        tries = 0
        while not self.stop.asked.is_set():
            run, self._runs = self._runs, self._runs + 1
            try:
                return await self.runner.prepare(self.spec, self.board.pod, self.folder, self.volumes, run)
            except ConfigError as error:
                self._runs = run
                await self._wait("CreateContainerConfigError", str(error), self.node.settings.resync_seconds)
            except ImageMissing as error:
                self._runs = run
                if not error.is_retried:
                    await self._wait("ErrImageNeverPull", str(error), self.node.settings.resync_seconds)
                elif tries:
                    text = f'Back-off pulling image "{self.spec.get("image", "")}": {error}'
                    await self._wait("ImagePullBackOff", text, self._delay(tries))
                else:
                    await self._wait("ErrImagePull", str(error), self.node.settings.resync_seconds)
                tries += 1
        return None

    async def _await_end(self, process: Run) -> Exit:
        """The process's own end, or the one it is given: SIGTERM, grace, SIGKILL to the whole tree."""
        end = asyncio.ensure_future(process.wait())
        await either(end, self.stop.asked)
        if not end.done():
            process.terminate()
            await either(end, self.stop.expired)
            process.kill()
        return await end

    async def _refused(self, prepared: Prepared, error: StartError) -> Ended:
        self.node.logs.end(prepared.log)
        await self._tell("Warning", "Failed", f"Error: failed to start container {self.name}: {error}")
        now = self.node.now()
        text = f"failed to start container {self.name}: {error}"
        return Ended(exit_code=CANNOT_START, reason="StartError", message=text, started_at=now, finished_at=now)

    async def _back_off(self, restarts: int) -> None:
        """The first restart is immediate, the next ones wait longer and longer."""
        if restarts == 0:
            return
        metadata, delay = self.board.pod["metadata"], self._delay(restarts)
        pod = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        text = f"back-off {delay:g}s restarting failed container={self.name} pod={pod}"
        await self.board.put(self.state.waits_again(Waiting(reason="CrashLoopBackOff", message=text)))
        await self.stop.pause(delay)

    async def _wait(self, reason: str, message: str, seconds: float) -> None:
        """Show why the container waits, and wait."""
        state = Waiting(reason=reason, message=message)
        if self.state.state != state:
            await self.board.put(self.state.waits_again(state))
            await self._tell("Warning", "Failed", f"Error: {message}")
        await self.stop.pause(seconds)

    async def _tell(self, type: str, reason: str, message: str) -> None:
        await self.node.recorder.tell(self.board.pod, type, reason, message)

    def _delay(self, tries: int) -> float:
        settings = self.node.settings
        return float(min(settings.backoff_seconds * 2 ** min(tries - 1, 30), settings.longest_backoff_seconds))

    def _message(self, prepared: Prepared, end: Exit) -> str:
        pod = self.board.pod["spec"]
        return within_share(
            self._whole_message(prepared, end), len((*pod["containers"], *pod.get("initContainers", ())))
        )

    def _whole_message(self, prepared: Prepared, end: Exit) -> str:
        content = self.folder.read_termination(self.name, FILE_LIMIT_BYTES)
        policy = str(self.spec.get("terminationMessagePolicy") or "File")
        if falls_back_to_log(policy, end.code, content):
            return message_of_log(self.node.logs.tail(prepared.log, LOG_LIMIT_LINES))
        return message_of(content)
