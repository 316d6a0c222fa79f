"""Play one scenario: real controllers over the local plane's store, in virtual time, watched at every step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

from kelos.api.kinds import JOB
from kelos.api.names import LABEL_TASK_UID
from kelos.cluster import watch
from kelos.controllers.task import TaskController
from kelos.local.cluster import LocalCluster
from kelos.settings import Settings
from simulation.desk import TOKEN_BEGINNING, Desk
from simulation.door import Door, Letter, Weather
from simulation.mortals import Mortals, Process
from simulation.outside import Outside
from simulation.people import SECRET_VALUE, People
from simulation.plane import new_plane
from simulation.scenario import CALM_AT, Deed, Fault, Scenario
from simulation.watchman import Violation, Watchman
from virtual_time import VirtualLoop

START = datetime(2026, 2, 7, 9, 0, tzinfo=timezone.utc)
LONGEST_SECONDS = 1500.0
LOOK_SECONDS = 10.0
QUIET_LOOKS = 4
"""Nothing may have moved for so many looks in a row before the end is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of a scenario. The same scenario always comes to the same."""

    violations: tuple[Violation, ...]
    seconds: float
    version: int
    most_writes: int
    trace: tuple[str, ...] = ()


def play(scenario: Scenario, *, with_trace: bool = False) -> Played:
    """Play it to its rest, or to the first violation."""
    stage = perform(scenario, with_trace=with_trace)
    return Played(
        violations=tuple(stage.watchman.violations),
        seconds=stage.ended_at,
        version=stage.plane.store.version,
        most_writes=max(stage.watchman.status_writes.values(), default=0),
        trace=tuple(stage.trace),
    )


def perform(scenario: Scenario, *, with_trace: bool = False) -> Stage:
    """The same, with everything that can be looked at afterwards."""
    with _quiet(), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        stage = Stage(scenario, runner.get_loop(), with_trace)
        runner.run(stage.play())
    return stage


@contextmanager
def _quiet() -> Iterator[None]:
    """Caches log that watches fail; here they must."""
    log = logging.getLogger(watch.__name__)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


class Log:
    """What a controller logs; a pass that breaks is a bug of ours, whatever the weather."""

    def __init__(self, watchman: Watchman, trace: Callable[[str], None]) -> None:
        self._watchman = watchman
        self._trace = trace

    def warning(self, event: str, **fields: object) -> None:
        self._trace(f"log: {event} {fields}")
        if any(secret in f"{event} {fields}" for secret in (SECRET_VALUE, TOKEN_BEGINNING)):
            self._watchman.complain("tells no secret", f"the log does: {event}")

    info = error = warning

    def exception(self, event: str, **fields: object) -> None:
        import traceback

        self.warning(event, **fields)
        self._watchman.complain("does not break", f"{event} {fields}: {traceback.format_exc()}")


@dataclass(kw_only=True)
class Controller(Process):
    controller: TaskController


class Stage(Mortals[Controller]):
    """One performance of a scenario."""

    role = "controller"

    def __init__(self, scenario: Scenario, loop: asyncio.AbstractEventLoop, with_trace: bool) -> None:
        super().__init__(loop, with_trace=with_trace)
        self.scenario = scenario
        self.rng = Random(f"calls {scenario.seed}")
        self.ended_at = 0.0
        self.plane = new_plane(self.now, Random(f"names {scenario.seed}"), self._witness)
        self.cluster = LocalCluster(self.plane)
        self.people = People(self.cluster, scenario)
        self._alarm = asyncio.Event()
        self.watchman = Watchman(self.people, self._time, self._was_on_its_way, self._alarm.set)
        self.outside = Outside(self.plane, Random(f"outside {scenario.seed}"), self.people.script_of)
        self.watchman.outside = self.outside
        self.weather = Weather([f for f in scenario.faults if f.until > f.at])
        self.desk = Desk(self.now, self.weather, Random(f"tokens {scenario.seed}"))
        self._job_creations: list[Letter] = []
        self._skew = timedelta()

    def now(self) -> datetime:
        """The API server's clock."""
        return START + timedelta(seconds=self._time())

    async def play(self) -> None:
        """To its rest, or until a law is broken."""
        story, alarm = asyncio.ensure_future(self._story()), asyncio.ensure_future(self._alarm.wait())
        await asyncio.wait({story, alarm}, return_when=asyncio.FIRST_COMPLETED)
        story.cancel()
        alarm.cancel()
        with suppress(asyncio.CancelledError):
            await story
        for process in self.processes:
            self._kill(process)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self.ended_at = self._time()

    async def _story(self) -> None:
        self._start_process()
        self._spawn(self._kubernetes())
        for at, act in self._agenda():
            await self._until(at)
            await act()
        await self._until(CALM_AT)
        await self._calm()

    def _agenda(self) -> list[tuple[float, Callable[[], Any]]]:
        acts: list[tuple[float, Callable[[], Any]]] = [(deed.at, self._deed(deed)) for deed in self.scenario.deeds]
        for fault in self.scenario.faults:
            acts += [(fault.at, self._begin(fault)), (fault.until, self._finish(fault))]
        return sorted(acts, key=lambda each: each[0])

    def _deed(self, deed: Deed) -> Callable[[], Any]:
        async def act() -> None:
            self._note(f"people: {deed.do} {deed.name}")
            if deed.do != "renew" or not self.weather.amount("outage"):
                await self.people.do(deed, self._time(), self.outside)

        return act

    def _begin(self, fault: Fault) -> Callable[[], Any]:
        async def act() -> None:
            self._note(f"weather: {fault.what} {fault.kind} {fault.amount:.2f} until {fault.until:.2f}")
            match fault.what:
                case "crash" if self.processes:
                    self._kill(self.processes.pop())
                case "crash after writes" if self.processes:
                    self.processes[-1].left_writes = fault.amount
                case "twin" | "takeover":
                    self._start_process()
                case "outage":
                    for process in self.processes:
                        process.door.cluster.end_watches()
                case "sleeper":
                    for process in self.processes:
                        process.door.sleeps_until = fault.until
                    self._start_process()
                case "clock jump":
                    self._skew += timedelta(seconds=fault.amount)

        return act

    def _finish(self, fault: Fault) -> Callable[[], Any]:
        async def act() -> None:
            if fault.what in ("twin", "takeover") and len(self.processes) > 1:
                leaver = self.processes.pop(0)
                leaver.running.cancel()  # as SIGTERM does: passes in work may finish
                await asyncio.wait({leaver.running})
            if not self.processes:
                self._start_process()

        return act

    async def _calm(self) -> None:
        """Until nothing moves any more, and no Task is on its way."""
        if not self.processes:
            self._start_process()
        quiet, version = 0, -1
        while self._time() < LONGEST_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            moved = self.plane.store.version != version
            version = self.plane.store.version
            quiet = 0 if moved else quiet + 1
            if quiet >= QUIET_LOOKS and self._is_at_rest():
                break
        self.watchman.at_the_end()

    def _is_at_rest(self) -> bool:
        there = {e.manifest["metadata"]["uid"]: e.manifest for e in self.plane.store.entries("tasks.kelos.dev")}
        for uid, task in there.items():
            is_over = (task.get("status") or {}).get("phase") in ("Succeeded", "Failed")
            expires = task["spec"].get("ttlSecondsAfterFinished") is not None
            if expires if is_over else not self.watchman.may_wait(uid, there):
                return False
        return not any(self.watchman.leftovers(there))

    def _start_process(self) -> None:
        door = Door(LocalCluster(self.plane), self.weather, self.rng, self._sent)
        controller = TaskController(
            door,  # type: ignore[arg-type]
            settings=Settings(),
            now=lambda: self.now() + self._skew,
            monotonic=self._time,
            log=Log(self.watchman, self._note),
            rng=self.rng,
            tokens=self.desk,
        )
        running = asyncio.ensure_future(controller.run())
        self._host(Controller(door=door, controller=controller, running=running))

    def _complain(self, law: str, why: str) -> None:
        self.watchman.complain(law, why)

    async def _kubernetes(self) -> None:
        while True:
            is_idle = True if self.weather.amount("standstill") else self.outside.step()
            await asyncio.sleep(self.outside.rng.uniform(0.05, 2.0 if is_idle else 0.5))

    def _sent(self, letter: Letter) -> None:
        about = letter.about
        self._note(
            f"sent: {letter.verb} {letter.kind} {about['metadata']['name'] if isinstance(about, dict) else about[1]}"
        )
        if letter.verb == "create" and letter.kind is JOB:
            self._job_creations.append(letter)

    def _was_on_its_way(self, uid: str, moment: float) -> bool:
        """Whether a Job of that Task was on its way to the API when the Task ended: nobody could call it back."""
        for letter in self._job_creations:
            is_its = letter.about["metadata"]["labels"][LABEL_TASK_UID] == uid
            if is_its and letter.sent_at <= moment and (letter.arrived_at is None or letter.arrived_at >= moment):
                return True
        return False

    def _witness(self, key: Any, before: Any, after: Any) -> None:
        if self._with_trace and not key.resource.startswith("events"):
            state = "gone" if after is None else _digest(after.manifest)
            self._note(f"{key.resource} {key.name}: {state}")
        if key.namespace and not key.resource.startswith("serviceaccounts"):
            self.watchman.witness(key, before, after)

    def _time(self) -> float:
        return self._loop.time()


def _digest(manifest: Any) -> str:
    status = manifest.get("status") or {}
    meta = manifest["metadata"]
    facts = {
        "v": meta["resourceVersion"],
        "deleted": meta.get("deletionTimestamp"),
        "finalizers": meta.get("finalizers"),
        "suspend": (manifest.get("spec") or {}).get("suspend"),
        "holder": (manifest.get("spec") or {}).get("holderIdentity"),
        **{name: status.get(name) for name in ("phase", "reason", "message", "usage")},
        "conditions": [c["type"] for c in status.get("conditions") or () if c["status"] == "True"],
    }
    return " ".join(f"{name}={value}" for name, value in facts.items() if value)
