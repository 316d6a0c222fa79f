"""What many TaskSpawners cost one process: at rest, in a burst, and as their memory of what was handled grows.

    python benchmarks/spawning.py [--spawners 1000] [--repositories 50] [--issues 500] [--burst 50]

Everything is in this process and in virtual time: the real engine, sources and client, a GitHub that is played with its
ETags and lists, and the local plane as API server. CPU is real and includes the API server's; GitHub's is taken out.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import logging
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fakes.github_server.answers import Answer
from fakes.github_server.served import direct
from fakes.github_server.server import TOKEN, GitHubServer
from kelos.api.kinds import CONFIG_MAP, SECRET, TASK_SPAWNER, WORKSPACE, Manifest
from kelos.clients.account import Accounts
from kelos.clients.github.client import GitHub
from kelos.clients.token_desk import TokenDesk
from kelos.controllers.task_caches import build_caches
from kelos.controllers.task_spawner.engine import SpawnerCaches, SpawnerController
from kelos.local.cluster import LocalCluster
from kelos.sources.build import SourceBuilder
from kelos.sources.github.mirror import Mirrors
from kelos.spawning.ledger.entry import Entry
from kelos.spawning.ledger.ledger import Ledger, Owner, parse_head, parse_segment
from kelos.spawning.ledger.writing import Changes, first_head, record
from kelos.spawning.recipe import TaskRecipe
from simulation.plane import new_plane
from virtual_time import VirtualLoop

NAMESPACE = "team"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
POLL_SECONDS = 60
CYCLES = 10
HANDLED = 2
"""Open issues that each TaskSpawner has a Task for."""
PASSES = 150
LONGEST_SECONDS = 12 * 3600.0
"""Of virtual time: a token's hour has 5,000 requests."""
LEDGERS = (500, 1_000, 10_000, 100_000)


class PlayedGitHub(GitHubServer):
    """A GitHub on the loop's clock, which knows how much of our CPU it has used."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._ahead = timedelta()
        super().__init__("acme/shop-0")
        self.cpu_seconds = 0.0

    @property
    def now(self) -> datetime:  # type: ignore[override]
        return START + timedelta(seconds=self._loop.time()) + self._ahead

    @now.setter
    def now(self, moment: datetime) -> None:
        self._ahead = max(timedelta(), moment - START - timedelta(seconds=self._loop.time()))

    def answer(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        began = time.process_time()
        try:
            return super().answer(method, target, headers, content)
        finally:
            self.cpu_seconds += time.process_time() - began

    def settle(self) -> None:
        """Each deed takes a second: let the loop's clock catch up with many."""
        self._loop.jump(self._ahead.total_seconds())
        self._ahead = timedelta()


@dataclass
class Tally:
    """`made` are the moments at which Tasks were created."""

    looks: int = 0
    made: list[float] = field(default_factory=list)
    _wanted: int = 0
    _enough: asyncio.Event = field(default_factory=asyncio.Event)

    def looked(self, items: int, seconds: float) -> None:
        self.looks += 1

    def look_failed(self, seconds: float) -> None:
        raise AssertionError("a look failed: the figures mean nothing")

    def created(self) -> None:
        self.made.append(asyncio.get_running_loop().time())
        if len(self.made) == self._wanted:
            self._enough.set()

    async def has_made(self, count: int) -> None:
        """Wait until so many Tasks were made in all."""
        self._wanted = count
        self._enough.clear()
        if len(self.made) < count:
            await asyncio.wait_for(self._enough.wait(), LONGEST_SECONDS)


@dataclass
class Stage:
    """The engine at work."""

    github: PlayedGitHub
    cluster: LocalCluster
    engine: SpawnerController
    tally: Tally

    def cpu_seconds(self) -> float:
        return time.process_time() - self.github.cpu_seconds


class Silent:
    """A log for nobody but those who look for mistakes."""

    def exception(self, event: str, **fields: object) -> None:
        raise AssertionError(f"{event} {fields}")

    def warning(self, event: str, **fields: object) -> None:
        print(f"  warning: {event} {fields}", file=sys.stderr)

    info = error = warning


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("spawners", 1000), ("repositories", 50), ("issues", 500), ("burst", 50)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument(
        "--ledgers", default=",".join(map(str, LEDGERS)), help="numbers of handled items; empty for none"
    )
    options = parser.parse_args(arguments)
    logging.disable(logging.INFO)
    load = Path("/proc/loadavg").read_text().split()[0] if Path("/proc/loadavg").exists() else "?"
    print(f"load of the machine at the start: {load}")
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(measure_crowd(options))
    first = 0.0
    for count in map(int, filter(None, options.ledgers.split(","))):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            spent = runner.run(measure_ledger(count, first))
        first = first or spent


@asynccontextmanager
async def staged(repositories: int, issues: int) -> AsyncIterator[Stage]:
    """GitHub and the cluster are full of what the options say; the engine begins."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    github, rng = PlayedGitHub(loop), Random(7)

    def now() -> datetime:
        return START + timedelta(seconds=loop.time())

    fill(github, repositories, issues)
    cluster = LocalCluster(new_plane(now, Random(1), lambda *_: None))
    await cluster.create(SECRET, secret())
    for number in range(repositories):
        await cluster.create(WORKSPACE, workspace(number))
    async with direct(github) as http:
        client = GitHub(http, now=now, monotonic=loop.time, chance=rng.random)
        accounts = Accounts(TokenDesk(http, now=now, monotonic=loop.time, chance=rng.random), now=now)
        sources = SourceBuilder(
            cluster=cluster,
            github=client,
            mirrors=Mirrors(client, monotonic=loop.time, chance=rng.random),
            accounts=accounts,
            jira=None,  # type: ignore[arg-type]
            fetcher=None,  # type: ignore[arg-type]
            warn=print,
        )
        found = build_caches(cluster, None)
        caches = SpawnerCaches(spawners=found.spawners, tasks=found.tasks, workspaces=found.workspaces)
        tally = Tally()
        engine = SpawnerController(
            cluster,
            caches=caches,
            sources=sources,
            recipe=TaskRecipe(),
            now=now,
            monotonic=loop.time,
            log=Silent(),
            tally=tally,
            rng=rng,
        )
        working = [asyncio.ensure_future(cache.run()) for cache in caches]
        try:
            yield Stage(github=github, cluster=cluster, engine=engine, tally=tally)
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, engine.close(), return_exceptions=True)


async def measure_crowd(options: argparse.Namespace) -> None:
    spawners, repositories = options.spawners, options.repositories
    print(
        f"-- {spawners} TaskSpawners over {repositories} repositories, {options.issues} open issues in each", flush=True
    )
    async with staged(repositories, options.issues) as stage:
        for number in range(spawners):
            await stage.cluster.create(TASK_SPAWNER, spawner(number, repositories))
            for issue in range(HANDLED):
                label(stage.github, number % repositories, 1 + (number // repositories) * HANDLED + issue, number)
        stage.github.settle()
        before = memory_mib()
        running = asyncio.create_task(stage.engine.run())
        try:
            await measure_start(stage, spawners, before)
            await measure_rest(stage, spawners)
            await measure_burst(stage, options.burst, spawners, repositories)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def measure_start(stage: Stage, spawners: int, before: float) -> None:
    """Every repository is read once, and every issue that is for somebody becomes a Task."""
    cpu, wanted = stage.cpu_seconds(), spawners * HANDLED
    await stage.tally.has_made(wanted)
    await asyncio.sleep(120.0)
    took = stage.cpu_seconds() - cpu
    print(f"start: {len(stage.github.calls)} requests to GitHub, {wanted} Tasks, {took:.1f} s of CPU", flush=True)
    print(
        f"  {took / wanted * 1e3:.1f} ms of CPU per Task; {memory_mib() - before:.0f} MiB more than before", flush=True
    )


async def measure_rest(stage: Stage, spawners: int) -> None:
    """Nothing happens anywhere."""
    stage.github.calls.clear()
    stage.github.statuses.clear()
    cpu, looks, began = stage.cpu_seconds(), stage.tally.looks, asyncio.get_running_loop().time()
    await asyncio.sleep(CYCLES * POLL_SECONDS)
    seconds, took = asyncio.get_running_loop().time() - began, stage.cpu_seconds() - cpu
    calls = len(stage.github.calls) / CYCLES
    statuses = dict(Counter(stage.github.statuses))
    naive = spawners * (1 + HANDLED)
    print(f"at rest: {calls:.0f} requests a cycle of {POLL_SECONDS} s, answers {statuses}")
    print(f"  each spawner by itself, a list and comments of {HANDLED} issues: {naive} ({naive / calls:.0f}x)")
    looked = stage.tally.looks - looks
    print(f"  {took / looked * 1e3:.2f} ms of CPU per look, {took / seconds:.1%} of a core, {looked} looks", flush=True)
    print(f"  {memory_mib():.0f} MiB in all, GitHub and API server among it", flush=True)


async def measure_burst(stage: Stage, burst: int, spawners: int, repositories: int) -> None:
    """Issues for fifty different spawners at one moment."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(POLL_SECONDS / 2)
    cpu, made, began = stage.cpu_seconds(), len(stage.tally.made), loop.time()
    for number in range(burst):
        chosen = number * (spawners // burst) if spawners >= burst else number % spawners
        stage.github.open_issue("New", repository=f"acme/shop-{chosen % repositories}", labels=(f"agent-{chosen}",))
    stage.github.settle()
    calls = len(stage.github.calls)
    await stage.tally.has_made(made + burst)
    late = sorted(at - began for at in stage.tally.made[made:])
    took = stage.cpu_seconds() - cpu
    half, asked = late[len(late) // 2], len(stage.github.calls) - calls
    print(f"burst: {burst} new issues at once are Tasks after {late[-1]:.0f} s, half of them after {half:.0f} s")
    print(f"  with looks every {POLL_SECONDS} s; {asked} requests and {took:.2f} s of CPU until then", flush=True)


async def measure_ledger(count: int, first: float) -> float:
    """CPU of a pass that looks and finds what it knows, by how much is known."""
    async with staged(1, 500) as stage:
        made = await stage.cluster.create(TASK_SPAWNER, spawner(0, 1, everything=True))
        owner = Owner(namespace=NAMESPACE, name="spawner-0", uid=made["metadata"]["uid"])
        await write_ledger(stage.cluster, owner, count)
        key = (NAMESPACE, "spawner-0")
        for cache in stage.engine.caches:
            await cache.wait_synced()
        await look(stage, key)
        cpu = stage.cpu_seconds()
        for _ in range(PASSES):
            await asyncio.sleep(POLL_SECONDS * 1.1)
            await look(stage, key)
        took = (stage.cpu_seconds() - cpu) / PASSES
        known = (await stage.cluster.get(CONFIG_MAP, NAMESPACE, owner.head_name))["data"]["state"]
        segments = len(json.loads(known)["segments"])
    ratio = f" ({took / first:.2f}x)" if first else ""
    print(
        f"{count:>7} items in a ledger of {segments} segments, 500 open: {took * 1e3:.1f} ms a pass{ratio}", flush=True
    )
    return took


async def look(stage: Stage, key: tuple[str, str]) -> None:
    looks = stage.tally.looks
    for _ in range(50):
        again = await stage.engine.reconcile(key)
        if stage.tally.looks > looks:
            return
        await asyncio.sleep(min(1.0, again or 0.0))
    raise AssertionError("no look")


async def write_ledger(cluster: LocalCluster, owner: Owner, count: int) -> None:
    """As an engine would have done it, a thousand items at a time; the open issues are the newest."""
    await cluster.create(CONFIG_MAP, first_head(owner).manifest)
    keys = [str(number) for number in range(max(count, 500), 0, -1)][-max(count, 500) :]
    for start in range(0, len(keys), 500):
        ledger = await read_ledger(cluster, owner)
        entries = tuple(Entry(key=key, mark="0" * 12, revision="seen") for key in keys[start : start + 500])
        for step in record(ledger, Changes(entries=entries)):
            await carry_out(cluster, step)


async def carry_out(cluster: LocalCluster, step: Any) -> None:
    match type(step).__name__:
        case "Create":
            await cluster.create(step.kind, step.manifest)
        case "Patch":
            await cluster.patch(step.kind, step.namespace, step.name, step.body)
        case "Delete":
            await cluster.delete(step.kind, step.namespace, step.name)


async def read_ledger(cluster: LocalCluster, owner: Owner) -> Ledger:
    head = parse_head(await cluster.get(CONFIG_MAP, NAMESPACE, owner.head_name))
    older = [parse_segment(await cluster.get(CONFIG_MAP, NAMESPACE, ref.name)) for ref in head.segments]
    return Ledger(owner=owner, head=head, older=tuple(older))


def fill(github: PlayedGitHub, repositories: int, issues: int) -> None:
    for number in range(repositories):
        name = github.add_repository(f"acme/shop-{number}").name
        for issue in range(issues):
            github.open_issue(f"Issue {issue}", repository=name, body="Something is wrong. " * 10)
    github.settle()


def label(github: PlayedGitHub, repository: int, number: int, spawner_number: int) -> None:
    github.edit(number, repository=f"acme/shop-{repository}", labels=(f"agent-{spawner_number}",))


def spawner(number: int, repositories: int, *, everything: bool = False) -> Manifest:
    issues: Manifest = {"pollInterval": f"{POLL_SECONDS}s"}
    template = {
        "type": "demo",
        "credentials": {"type": "none"},
        "workspaceRef": {"name": f"shop-{number % repositories}"},
        "promptTemplate": "Fix #{{.Number}}: {{.Title}}\n{{.Body}}",
    }
    return {
        "apiVersion": TASK_SPAWNER.api_version,
        "kind": TASK_SPAWNER.kind,
        "metadata": {"name": f"spawner-{number}", "namespace": NAMESPACE},
        "spec": {
            "when": {"githubIssues": issues if everything else {**issues, "labels": [f"agent-{number}"]}},
            "taskTemplate": template,
        },
    }


def workspace(number: int) -> Manifest:
    return {
        "apiVersion": WORKSPACE.api_version,
        "kind": WORKSPACE.kind,
        "metadata": {"name": f"shop-{number}", "namespace": NAMESPACE},
        "spec": {"repo": f"https://github.com/acme/shop-{number}.git", "secretRef": {"name": "git"}},
    }


def secret() -> Manifest:
    data = {"GITHUB_TOKEN": base64.b64encode(TOKEN.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "git", "namespace": NAMESPACE}, "data": data}


def memory_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024 / 1024


if __name__ == "__main__":
    main(sys.argv[1:])
