"""Reporters between a bad API and a bad GitHub: `play(seed)` gives the laws that were broken, none if all is well.

Whatever goes wrong until it becomes calm: nothing is said twice, nothing is taken back, and every end is told.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

import make
from fakes.github_server.answers import Answer
from kelos.api import names
from kelos.api.kinds import TASK
from kelos.errors import ClusterError
from reporting_stage import Process, Stage
from simulation.scenario import Fault
from virtual_time import VirtualLoop

CALM_AT = 600.0
PULL = 2
LINE_END = "\n"
LOOK_SECONDS, LOOKS = 60.0, 180
API_FAULTS = {
    "lost answers": 0.3,
    "errors": 0.3,
    "outage": 1.0,
    "slow calls": 4.0,
    "frozen cache": 1.0,
    "lagging cache": 20.0,
    "dropped events": 0.3,
    "torn watches": 0.2,
}
GITHUB_FAULTS = {"github loses answers": 0.4, "github refuses": 0.5, "github is away": 1.0, "github is slow": 28.0}
PROCESS_FAULTS = ("crash", "crash after a write", "crash after a call", "twin", "sleeper")
REFUSALS = (
    Answer(502, None),
    Answer(500, {"message": "Server Error"}),
    Answer(403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "20"}),
    Answer(401, {"message": "Bad credentials"}),
)

_SAID = re.compile(r"Task `([^`]+)`(?: has(?: been)? \*\*(\w+)\*\*|: (\w+))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One Task: when it is made and moves on; without `ends_as` only its deletion ends it."""

    name: str
    at: float
    steps: tuple[tuple[float, str], ...]
    deleted_at: float | None
    known: dict[str, Any] = field(hash=False)

    @property
    def ends_as(self) -> str:
        last = self.steps[-1][1] if self.steps else ""
        return last.lower() if last in ("Succeeded", "Failed") else ""

    @property
    def ends_by_itself(self) -> bool:
        return bool(self.ends_as) and (self.deleted_at is None or self.steps[-1][0] < self.deleted_at)


@dataclass
class Play:
    """A scenario while it is played, and what was seen of it."""

    seed: int
    rng: Random
    lives: list[Life]
    faults: list[Fault]
    stage: Stage
    made: Counter[str] = field(default_factory=Counter)
    tidied: Counter[str] = field(default_factory=Counter)
    bodies: dict[int, list[str]] = field(default_factory=dict)
    dies_after_call: bool = False

    # Between reporters and GitHub.

    async def wire(self, request: httpx.Request) -> httpx.Response:
        weather, rng = self.stage.weather, self.rng
        await asyncio.sleep(rng.uniform(0, weather.amount("github is slow") or 0.3))
        if weather.amount("github is away"):
            raise httpx.ConnectError("no route", request=request)
        if rng.random() < weather.amount("github refuses"):
            self.stage.github.fail(rng.choice(REFUSALS))
        answer = self.stage.answer(request)
        self._witness(request, answer)
        if self.dies_after_call and request.method != "GET" and self.stage.processes:
            self.dies_after_call = False
            self.stage.kill(self.stage.processes[0])
        if rng.random() < weather.amount("github loses answers"):
            raise httpx.ReadError("connection reset", request=request)
        return answer

    def _witness(self, request: httpx.Request, answer: httpx.Response) -> None:
        if not answer.is_success or request.method == "GET" or not request.url.path.startswith("/repos/"):
            return
        said = answer.json()
        if "body" in said:
            self.bodies.setdefault(said["id"], []).append(said["body"])
            mark = f"{said['body'].rpartition(LINE_END)[2]} at {said['issue_url'].rpartition('/')[2]}"
        else:
            mark = said.get("external_id") or f"{said['context']} {said['description']}"
            mark += f" on {said.get('head_sha') or said['url'].rpartition('/')[2]}"
        if request.method == "POST":
            self.made[mark] += 1

    # What happens.

    async def run(self) -> list[str]:
        async with self.stage as stage:
            deeds = [asyncio.ensure_future(self._live(life)) for life in self.lives]
            deeds += [asyncio.ensure_future(self._suffer(fault)) for fault in self.faults]
            deeds.append(asyncio.ensure_future(self._tidy_up()))
            stage.start()
            await asyncio.sleep(CALM_AT)
            expiring = asyncio.ensure_future(self._expire())
            await asyncio.gather(*deeds)
            self.dies_after_call = False
            for process in stage.processes:
                process.door.arrived = lambda _: None
            if not stage.processes:
                stage.start()
            for _ in range(LOOKS):
                if not await self._owed():
                    break
                await asyncio.sleep(LOOK_SECONDS)
            await asyncio.sleep(LOOK_SECONDS * 10)
            expiring.cancel()
            return await self._judge()

    async def _live(self, life: Life) -> None:
        moments = [(life.at, ""), *life.steps]
        if life.deleted_at is not None:
            moments.append((life.deleted_at, "deleted"))
        for at, phase in sorted(moments, key=lambda each: each[0]):
            await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))
            try:
                if not phase:
                    await self.stage.create(life.name, **life.known)
                elif phase == "deleted":
                    await self.stage.delete(life.name)
                elif await self._is_alive(life.name):
                    await self.stage.set_status(life.name, {"phase": phase, **self._outcome(phase)})
            except ClusterError:
                continue

    def _outcome(self, phase: str) -> dict[str, Any]:
        """Some agents push to the pull request at the end."""
        if phase == "Succeeded" and self.rng.random() < 0.5:
            return {"results": {"commit": self.stage.github.push(PULL)}}
        return {"reason": "AgentError"} if phase == "Failed" else {}

    async def _is_alive(self, name: str) -> bool:
        task = await self.stage.task(name)
        return task is not None and "deletionTimestamp" not in task["metadata"]

    async def _suffer(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at)
        processes, stage = self.stage.processes, self.stage
        match fault.what:
            case "crash" if processes:
                stage.kill(processes[0])
            case "crash after a write" if processes:
                process = processes[0]
                process.door.arrived = lambda _: self._die(process)
            case "crash after a call":
                self.dies_after_call = True
            case "twin":
                stage.start()
            case "sleeper" if processes:
                processes[0].door.sleeps_until = fault.until
                stage.start()
            case "outage":
                for process in processes:
                    process.door.cluster.end_watches()
        await asyncio.sleep(fault.until - fault.at)
        if fault.what in ("twin", "sleeper") and len(processes) > 1:
            stage.kill(processes[0])
        if not processes:
            stage.start()

    def _die(self, process: Process) -> None:
        if process in self.stage.processes:
            self.stage.kill(process)

    async def _tidy_up(self) -> None:
        """People delete comments."""
        while asyncio.get_running_loop().time() < CALM_AT:
            await asyncio.sleep(self.rng.uniform(20, 300))
            shown = list(self.stage.github.shop.comments.listed(self.stage.github.step))
            if shown and self.rng.random() < 0.5:
                gone = self.rng.choice(shown)
                self.tidied[f"{gone['body'].rpartition(LINE_END)[2]} at {gone['number']}"] += 1
                self.stage.github.delete_comment(gone["id"])

    async def _expire(self) -> None:
        """As the Task controller does: what has ended goes, once nothing is owed."""
        while True:
            for task in (await self.stage.cluster.list(TASK, make.NAMESPACE)).items:
                is_over = (task.get("status") or {}).get("phase") in ("Succeeded", "Failed")
                if is_over and not task["metadata"].get("finalizers") and self.rng.random() < 0.3:
                    await self.stage.delete(task["metadata"]["name"])
            await asyncio.sleep(LOOK_SECONDS)

    async def _owed(self) -> list[str]:
        tasks = (await self.stage.cluster.list(TASK, make.NAMESPACE)).items
        return [t["metadata"]["name"] for t in tasks if names.FINALIZER_REPORT in t["metadata"].get("finalizers", ())]

    # The laws.

    async def _judge(self) -> list[str]:
        broken = [f"lets every Task go: {name} is still held" for name in await self._owed()]
        broken += [f"does not break: {line}" for line in self.stage.log.broken]
        return [*broken, *self._twice(), *self._taken_back(), *self._not_told()]

    def _twice(self) -> Iterator[str]:
        for mark, times in self.made.items():
            if times > 1 + self.tidied[mark]:
                yield f"says nothing twice: {mark} was made {times} times, and deleted {self.tidied[mark]} times"

    def _taken_back(self) -> Iterator[str]:
        for identity, bodies in self.bodies.items():
            told: dict[str, str] = {}
            for name, state in (said for body in bodies for said in states_in(body)):
                if told.get(name, state) not in (state, "accepted"):
                    yield f"takes nothing back: comment {identity} said that {name} {told[name]}, then {state}"
                told[name] = state

    def _not_told(self) -> Iterator[str]:
        for name, state in (said for body in self.stage.comments().values() for said in states_in(body)):
            if state == "accepted":
                yield f"tells every end: {name} is still accepted"
        said = {one for bodies in self.bodies.values() for body in bodies for one in states_in(body)}
        for life in self.lives:
            if life.known["comments"] and life.ends_by_itself and (life.name, life.ends_as) not in said:
                yield f"tells every end: nobody was told that {life.name} {life.ends_as}"
        for run in self.stage.check_runs():
            if run["status"] != "completed":
                yield f"tells every end: check run {run['id']} is still in progress"
        for where, state in {(one["sha"], one["context"]): one["state"] for one in self.stage.statuses()}.items():
            if state == "pending":
                yield f"tells every end: the status of {where} is still pending"


def states_in(body: str) -> list[tuple[str, str]]:
    """Which Tasks a comment tells of, and what."""
    found = ((name, "".join(words)) for name, *words in _SAID.findall(body))
    return [(name, "accepted" if word == "in" else word) for name, word in found]


def play(seed: int) -> list[str]:
    """The laws that were broken."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_prepare(seed))


async def _prepare(seed: int) -> list[str]:
    rng = Random(f"reports {seed}")
    faults = _faults(rng)
    is_app = rng.random() < 0.5
    stage = Stage(seed=seed, faults=faults, is_app=is_app)
    assert stage.github.open_pull() == PULL
    play = Play(seed, rng, _lives(rng), faults, stage)
    stage._wire = play.wire
    return await play.run()


def _lives(rng: Random) -> list[Life]:
    lives = []
    is_sticky = rng.random() < 0.5
    for n in range(rng.randint(1, 5)):
        at = rng.uniform(0, 300)
        moments = sorted(rng.uniform(at, CALM_AT) for _ in range(3))
        end = rng.choice(["Succeeded", "Failed"])
        steps = list(zip(moments, ("Pending", "Running", end), strict=True))
        deleted_at = rng.uniform(at, CALM_AT) if rng.random() < 0.3 else None
        if deleted_at is not None and rng.random() < 0.5:
            steps = [step for step in steps if step[0] < deleted_at and step[1] != end]
        checks = rng.random() < 0.5
        known = {"comments": not checks or rng.random() < 0.7, "checks": checks, "sticky": is_sticky}
        known["told"] = {"source_sha": f"{n:040x}", "source_number": str(PULL)} if checks else {}
        lives.append(Life(name=f"t-{n}", at=at, steps=tuple(steps), deleted_at=deleted_at, known=known))
    return lives


def _faults(rng: Random) -> list[Fault]:
    found = []
    for _ in range(rng.randint(0, 6)):
        at = rng.uniform(0, CALM_AT - 60)
        until = min(CALM_AT - 1, at + rng.uniform(5, 120))
        kinds = [*API_FAULTS, *GITHUB_FAULTS, *GITHUB_FAULTS, *PROCESS_FAULTS, *PROCESS_FAULTS]
        what = rng.choice(kinds)
        amount = (API_FAULTS | GITHUB_FAULTS).get(what, 1.0)
        found.append(Fault(at=at, until=until, what=what, amount=amount * rng.uniform(0.5, 1.0)))
    return found
