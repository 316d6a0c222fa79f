"""What many Tasks cost: a restart, doing nothing, one more beside them, and a thousand that wait for one.

    python benchmarks/scale.py [--finished 10000] [--active 1000] [--burst 1000] [--dependents 1000]

The local server has all Tasks, Jobs and pods in it before the controller starts; agents are played.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from _controller import Controller, Used, running_controller
from _figures import print_counts, print_used
from _manifests import NAMESPACE, secret, task
from _played import PlayedNode
from _proxy import Counts, counting_proxy
from _servers import local_server
from _sightings import Sightings, sightings

from kelos.api.kinds import JOB, POD, SECRET, TASK
from kelos.cluster.client import HttpCluster, connect
from kelos.cluster.kubeconfig import load_access

SAMPLE = 300
IDLE_SECONDS = 60.0
AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A server that is full already, somebody who watches it, and the node that is played there."""

    cluster: HttpCluster
    seen: Sightings
    node: PlayedNode


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("finished", 10_000), ("active", 1_000), ("burst", 1_000), ("dependents", 1_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--curve", default="100,1000,10000", help="numbers of finished Tasks; empty for none")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="kelos-bench-") as name:
        folder = Path(name)
        beside = measure_alone(folder)
        with local_server(folder, finished=options.finished, active=options.active) as kubeconfig:
            asyncio.run(measure_crowd(kubeconfig, folder, options, beside))
        print("\n-- one Task more, by how many there are", flush=True)
        first = 0.0
        for count in map(int, filter(None, options.curve.split(","))):
            with local_server(folder, finished=count) as kubeconfig:
                spent = asyncio.run(measure_one_more(kubeconfig, count, first))
                first = first or spent


def measure_alone(folder: Path) -> Used:
    """What a controller uses that has nothing to do."""
    with local_server(folder) as kubeconfig, running_controller(kubeconfig) as controller:
        time.sleep(5)
        used = controller.used()
    print(
        f"a controller alone: {used.rss_kib / 1024:.0f} MiB, {used.cpu_seconds:.2f} s of CPU for its start", flush=True
    )
    return used


@asynccontextmanager
async def staged(kubeconfig: Path) -> AsyncIterator[Scene]:
    async with await connect(load_access(kubeconfig=str(kubeconfig))) as cluster, sightings(cluster, NAMESPACE) as seen:
        node = PlayedNode(cluster, seen.pods)
        playing = asyncio.create_task(node.run())
        await cluster.create(SECRET, secret())
        yield Scene(cluster=cluster, seen=seen, node=node)
        playing.cancel()
        await asyncio.wait({playing})


async def measure_crowd(kubeconfig: Path, folder: Path, options: argparse.Namespace, beside: Used) -> None:
    crowd = options.finished + options.active
    print(f"\n-- {options.finished} finished and {options.active} active Tasks", flush=True)
    async with staged(kubeconfig) as scene, counting_proxy(kubeconfig, folder) as (proxied, counts):
        print(f"beside: a plain list of the same Tasks, Jobs and pods takes {await time_of_lists(scene):.1f} s")
        with running_controller(proxied) as controller:
            await measure_restart(scene, controller, counts, crowd, beside)
            await measure_idle(controller, counts)
            await measure_burst(scene, controller, "burst", options.burst)
            await measure_fan_out(scene, controller, options.dependents)


async def time_of_lists(scene: Scene) -> float:
    started = time.monotonic()
    for kind in (TASK, JOB, POD):
        more = ""
        while True:
            page = await scene.cluster.list(kind, None, limit=500, more=more)
            if not (more := page.more):
                break
    return time.monotonic() - started


async def measure_restart(scene: Scene, controller: Controller, counts: Counts, crowd: int, beside: Used) -> None:
    """Of two new Tasks one is listed before all others, one after: the first and the last that is looked at."""
    started = time.time()
    await create_all(scene, ["aaa-probe", "zzz-probe"])
    await scene.seen.all(scene.seen.job_made, ["aaa-probe", "zzz-probe"])
    first, last = (scene.seen.job_made[name] - started for name in ("aaa-probe", "zzz-probe"))
    used = controller.used()
    print(f"restart: the first Task is served after {first:.1f} s, all were looked at after {last:.1f} s")
    memory = (used.rss_kib - beside.rss_kib) / crowd
    print(f"  {used.rss_kib / 1024:.0f} MiB ({memory:.1f} KiB per Task), {used.cpu_seconds:.1f} s of CPU")
    await scene.seen.all(scene.seen.task_ended, ["aaa-probe", "zzz-probe"])
    await asyncio.sleep(5)
    print_counts("  requests, with 2 new Tasks", counts, 1)


async def measure_idle(controller: Controller, counts: Counts) -> None:
    counts.clear()
    before = controller.used()
    await asyncio.sleep(IDLE_SECONDS)
    used = controller.used()
    share = (used.cpu_seconds - before.cpu_seconds) / IDLE_SECONDS
    asked = sum(count for name, count in counts.requests.items() if not name.startswith("watch"))
    print(f"idle: {share:.2%} of a core, {asked} requests in {IDLE_SECONDS:.0f} s", flush=True)


async def measure_burst(scene: Scene, controller: Controller, word: str, count: int) -> None:
    names = [f"{word}-{number}" for number in range(count)]
    before, started = controller.used(), time.time()
    await create_all(scene, names)
    await scene.seen.all(scene.seen.task_ended, names)
    await scene.seen.all(scene.seen.pod_let_go, names)
    seconds = time.time() - started
    used = controller.used()
    busy = used.cpu_seconds - before.cpu_seconds
    print(
        f"{count} Tasks more: {count / seconds:.1f} a second from creation to end, {count / busy:.0f} per second of CPU"
    )
    print_used("  each", before, used, count)


async def measure_fan_out(scene: Scene, controller: Controller, count: int) -> None:
    """All wait for one Task; its end starts them."""
    names = [f"dependent-{number}" for number in range(count)]
    scene.node.hold()
    await create_all(scene, ["root"])
    await scene.seen.all(scene.seen.task_runs, ["root"])
    await create_all(scene, names, dependsOn=["root"])
    await asyncio.sleep(10)
    before, started = controller.used(), time.time()
    scene.node.release()
    await scene.seen.all(scene.seen.job_made, names)
    made = time.time() - started
    await scene.seen.all(scene.seen.task_ended, names)
    used = controller.used()
    print(f"{count} dependents of one Task: the last Job {made:.1f} s after its end")
    print_used("  each, to its own end", before, used, count)


async def measure_one_more(kubeconfig: Path, count: int, first: float) -> float:
    """CPU of the controller for one Task's life; beside it the same among the fewest."""
    async with staged(kubeconfig) as scene:
        with running_controller(kubeconfig) as controller:
            await measure_quietly(scene, [f"warm-{number}" for number in range(20)])
            await asyncio.sleep(2)
            before = controller.used()
            await measure_quietly(scene, [f"more-{number}" for number in range(SAMPLE)])
            spent = (controller.used().cpu_seconds - before.cpu_seconds) / SAMPLE
    ratio = f" ({spent / first:.2f}x)" if first else ""
    print(f"among {count:>6} finished Tasks: {spent * 1e3:.1f} ms of CPU per Task{ratio}", flush=True)
    return spent


async def measure_quietly(scene: Scene, names: list[str]) -> None:
    await create_all(scene, names)
    await scene.seen.all(scene.seen.task_ended, names)
    await scene.seen.all(scene.seen.pod_let_go, names)


async def create_all(scene: Scene, names: list[str], **spec: object) -> None:
    waiting = list(reversed(names))

    async def work() -> None:
        while waiting:
            manifest = task(waiting.pop())
            await scene.cluster.create(TASK, {**manifest, "spec": {**manifest["spec"], **spec}})

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    main(sys.argv[1:])
