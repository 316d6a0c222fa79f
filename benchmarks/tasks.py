"""What the controller adds to a Job: time, API requests, memory and CPU per Task, beside plain Jobs.

    python benchmarks/tasks.py [--tasks 1000] [--singles 100] [real] [local] [plane]

`real` is kube-apiserver with its Job controller, `local` our API server with ours; on both the agents are played and
take half a second. `plane` is `kelos up`: agents are processes of this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from _controller import Controller, running_controller
from _figures import print_counts, print_times, print_used
from _manifests import NAMESPACE, demo_task, named, plain, secret, suspended, task
from _played import PlayedNode
from _proxy import counting_proxy
from _servers import local_plane, local_server, real_server
from _sightings import Sightings, sightings

from kelos.api.kinds import JOB, SECRET, TASK, Kind, Manifest
from kelos.cluster.client import HttpCluster, connect
from kelos.cluster.kubeconfig import load_access

AT_ONCE = 8
"""As many requests in flight as the controller has workers."""
SETTLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A server, somebody who watches it, and the node that is played there."""

    cluster: HttpCluster
    seen: Sightings
    node: PlayedNode
    kubeconfig: Path


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--singles", type=int, default=100)
    parser.add_argument("scenes", nargs="*", metavar="real | local | plane")
    options = parser.parse_args(arguments)
    scenes = options.scenes or ["real", "local", "plane"]
    with tempfile.TemporaryDirectory(prefix="kelos-bench-") as name:
        for scene in scenes:
            print(f"\n-- {scene}", flush=True)
            if scene == "plane":
                with local_plane(Path(name)) as kubeconfig:
                    asyncio.run(measure_plane(kubeconfig, max(1, options.singles // 4)))
                continue
            with {"real": real_server, "local": local_server}[scene](Path(name)) as kubeconfig:
                if kubeconfig is None:
                    print("no programs of Kubernetes here: PYTHONPATH=tests python -m realcluster provide")
                else:
                    asyncio.run(measure_server(kubeconfig, Path(name), options.tasks, options.singles))


async def measure_server(kubeconfig: Path, folder: Path, tasks: int, singles: int) -> None:
    async with staged(kubeconfig) as scene:
        await scene.cluster.create(SECRET, secret())
        with running_controller(kubeconfig):
            await one_at_a_time(scene, singles)
        job = plain(scene.seen.jobs.list()[0])
        await burst_of_jobs(scene, job, tasks)
        with running_controller(kubeconfig) as controller:
            await warm_up(scene, "w1", 20)
            await burst_of_tasks(scene, controller, tasks)
        async with counting_proxy(kubeconfig, folder) as (proxied, counts):
            with running_controller(proxied):
                await warm_up(scene, "w2", 1)
                print_counts(f"start beside {len(scene.seen.tasks.list())} finished Tasks, and 1 Task", counts, 1)
                counts.clear()
                await count_requests(scene, tasks)
                print_counts(f"{tasks} Tasks", counts, tasks)


@asynccontextmanager
async def staged(kubeconfig: Path) -> AsyncIterator[Scene]:
    async with await connect(load_access(kubeconfig=str(kubeconfig))) as cluster, sightings(cluster, NAMESPACE) as seen:
        node = PlayedNode(cluster, seen.pods)
        playing = asyncio.create_task(node.run())
        yield Scene(cluster=cluster, seen=seen, node=node, kubeconfig=kubeconfig)
        playing.cancel()
        await asyncio.wait({playing})


async def one_at_a_time(scene: Scene, count: int) -> None:
    """Each Task alone, and before it a plain Job."""
    await warm_up(scene, "warm", 3)
    job = plain(scene.seen.jobs.list()[0])
    seen, posted = scene.seen, {}
    for number in range(count):
        for kind, name, manifest in (
            (JOB, f"plain-{number}", named(job, f"plain-{number}")),
            (TASK, f"single-{number}", task(f"single-{number}")),
        ):
            posted[name] = time.time()
            await scene.cluster.create(kind, manifest)
            await seen.all(seen.job_made, [name])
        await settled(scene, "single", number + 1)
    tasks, jobs = [f"single-{n}" for n in range(count)], [f"plain-{n}" for n in range(count)]
    await seen.all(seen.job_complete, tasks)
    await asyncio.sleep(SETTLE_SECONDS)
    made = [seen.job_made[name] - posted[name] for name in tasks]
    print_times("POST of a Task to its Job seen", made, [seen.job_made[name] - posted[name] for name in jobs])
    print("    (beside: POST of a Job to that Job seen)")
    ended = [seen.task_ended[name] - scene.node.ended[name] for name in tasks]
    print_times(
        "container end to Task ended", ended, [seen.job_complete[name] - scene.node.ended[name] for name in tasks]
    )
    print("    (beside: container end to the Job marked Complete by the Job controller)", flush=True)


async def burst_of_jobs(scene: Scene, job: Manifest, count: int) -> None:
    names = [f"loop-{number}" for number in range(count)]
    started = time.time()
    await in_flight(scene, JOB, [named(job, name) for name in names])
    print(f"plain loop: {count} Jobs, {await all_made(scene, names, started)}", flush=True)


async def burst_of_tasks(scene: Scene, controller: Controller, count: int) -> None:
    """All at once: first every agent runs, then every agent ends."""
    seen = scene.seen
    scene.node.hold()
    before, started = controller.used(), time.time()
    await create_tasks(scene, "burst", count)
    posted = time.time()
    names = [f"burst-{number}" for number in range(count)]
    print(f"{count} Tasks, POSTs took {posted - started:.1f} s, {await all_made(scene, names, started)}")
    await seen.all(seen.task_runs, names)
    print(f"  the last Task said Running after {max(seen.task_runs[name] for name in names) - started:.1f} s")
    print_used("  all agents run", before, controller.used(), count)
    released = time.time()
    scene.node.release()
    await settled(scene, "burst", count)
    ended = max(seen.task_ended[name] for name in names) - released
    print(f"  agents end: the last Task ended after {ended:.1f} s")
    print_used("  all Tasks ended", before, controller.used(), count)
    await asyncio.sleep(3 * SETTLE_SECONDS)
    idle, later = controller.used(), 10.0
    await asyncio.sleep(later)
    print(f"  idle beside them: {(controller.used().cpu_seconds - idle.cpu_seconds) / later:.1%} of a core", flush=True)


async def count_requests(scene: Scene, count: int) -> None:
    """The whole life of Tasks whose every phase is seen."""
    scene.node.hold()
    await create_tasks(scene, "counted", count)
    await scene.seen.all(scene.seen.task_runs, [f"counted-{number}" for number in range(count)])
    scene.node.release()
    await settled(scene, "counted", count)


async def all_made(scene: Scene, names: Sequence[str], started: float) -> str:
    """When the last Job and the last pod of these were there."""
    seen = scene.seen
    await seen.all(seen.pod_made, names)
    jobs, pods = (max(made[name] for name in names) - started for made in (seen.job_made, seen.pod_made))
    return f"the last Job was there after {jobs:.1f} s, the last pod after {pods:.1f} s"


async def measure_plane(kubeconfig: Path, count: int) -> None:
    """Agents that really run: the end of one is the last line of its log."""
    async with (
        await connect(load_access(kubeconfig=str(kubeconfig))) as cluster,
        sightings(cluster, NAMESPACE) as seen,
    ):
        made, beside, ended, complete = [], [], [], []
        for number in range(count + 1):
            name, posted = f"real-{number}", time.time()
            await cluster.create(TASK, demo_task(name))
            await seen.all(seen.task_ended, [name])
            await seen.all(seen.job_complete, [name])
            end = await last_line_at(cluster, seen, name)
            job, posted_at = named(suspended(seen.jobs.list()[0]), f"plain-{number}"), time.time()
            await cluster.create(JOB, job)
            await seen.all(seen.job_made, [f"plain-{number}"])
            if number:  # the first one warms the caches of the machine
                made.append(seen.job_made[name] - posted)
                beside.append(seen.job_made[f"plain-{number}"] - posted_at)
                ended.append(seen.task_ended[name] - end)
                complete.append(seen.job_complete[name] - end)
        print_times("POST of a Task to its Job seen", made, beside)
        print_times("agent's last line to Task ended", ended, complete)
        print("    (beside: the same to the Job marked Complete)")


async def last_line_at(cluster: HttpCluster, seen: Sightings, job: str) -> float:
    pod = next(p for p in seen.pods.list() if p["metadata"]["labels"].get("job-name") == job)
    log = b""
    name = pod["metadata"]["name"]
    async for chunk in cluster.logs(NAMESPACE, name, container="kelos-agent", timestamps=True):
        log += chunk
    stamp = log.decode().strip().splitlines()[-1].split(" ")[0]
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


async def warm_up(scene: Scene, prefix: str, count: int) -> None:
    await create_tasks(scene, prefix, count)
    await settled(scene, prefix, count)


async def create_tasks(scene: Scene, prefix: str, count: int) -> None:
    await in_flight(scene, TASK, [task(f"{prefix}-{number}") for number in range(count)])


async def settled(scene: Scene, prefix: str, count: int) -> None:
    """The Tasks ended and nothing holds their pods any more."""
    names = [f"{prefix}-{number}" for number in range(count)]
    await scene.seen.all(scene.seen.task_ended, names)
    await scene.seen.all(scene.seen.pod_let_go, names)


async def in_flight(scene: Scene, kind: Kind, manifests: Sequence[Manifest]) -> None:
    waiting = list(reversed(manifests))

    async def work() -> None:
        while waiting:
            await scene.cluster.create(kind, waiting.pop())

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    main(sys.argv[1:])
