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

from _controller import Controller, Used, running_controller
from _played import PlayedNode
from _proxy import Counts, counting_proxy
from _servers import local_plane, local_server, real_server
from _sightings import Sightings, sightings

from kelos.api.kinds import JOB, SECRET, TASK, Kind, Manifest
from kelos.cluster.client import HttpCluster, connect
from kelos.cluster.kubeconfig import load_access

NAMESPACE = "default"
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
                await create_tasks(scene, "counted", tasks)
                await settled(scene, "counted", tasks)
                print_counts(f"{tasks} Tasks", counts, tasks)


@asynccontextmanager
async def staged(kubeconfig: Path) -> AsyncIterator[Scene]:
    async with await connect(load_access(kubeconfig=str(kubeconfig))) as cluster, sightings(cluster, NAMESPACE) as seen:
        node = PlayedNode(cluster, seen.pods)
        node.release()
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
    await scene.seen.all(scene.seen.job_made, names)
    print(f"plain loop: {count} Jobs in {max(scene.seen.job_made[n] for n in names) - started:.1f} s", flush=True)


async def burst_of_tasks(scene: Scene, controller: Controller, count: int) -> None:
    """All at once: first nothing runs, then everything ends."""
    seen = scene.seen
    scene.node.hold()
    before, started = controller.used(), time.time()
    await create_tasks(scene, "burst", count)
    posted = time.time()
    names = [f"burst-{number}" for number in range(count)]
    await seen.all(seen.job_made, names)
    made = max(seen.job_made[name] for name in names)
    await asyncio.sleep(SETTLE_SECONDS)
    print(f"{count} Tasks: POSTs took {posted - started:.1f} s, the last Job was there after {made - started:.1f} s")
    print_used("  all Jobs made", before, controller.used(), count)
    released = time.time()
    scene.node.release()
    await settled(scene, "burst", count)
    ended = max(seen.task_ended[name] for name in names) - released
    print(f"  agents run: {count} Tasks ended after {ended:.1f} s")
    print_used("  all Tasks ended", before, controller.used(), count)
    await asyncio.sleep(3 * SETTLE_SECONDS)
    idle, later = controller.used(), 10.0
    await asyncio.sleep(later)
    print(f"  idle beside them: {(controller.used().cpu_seconds - idle.cpu_seconds) / later:.1%} of a core", flush=True)


async def measure_plane(kubeconfig: Path, count: int) -> None:
    """Agents that really run: the end of one is the last line of its log."""
    async with (
        await connect(load_access(kubeconfig=str(kubeconfig))) as cluster,
        sightings(cluster, NAMESPACE) as seen,
    ):
        made, ended, complete = [], [], []
        for number in range(count + 1):
            name, posted = f"real-{number}", time.time()
            await cluster.create(TASK, demo_task(name))
            await seen.all(seen.task_ended, [name])
            await seen.all(seen.job_complete, [name])
            end = await last_line_at(cluster, seen, name)
            if number:  # the first one warms the caches of the machine
                made.append(seen.job_made[name] - posted)
                ended.append(seen.task_ended[name] - end)
                complete.append(seen.job_complete[name] - end)
        print_times("POST of a Task to its Job seen", made, made)
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


def task(name: str) -> Manifest:
    spec = {
        "type": "claude-code",
        "prompt": "Fix the login page: it fails when the name has an umlaut. Add a test.",
        "credentials": {"type": "api-key", "secretRef": {"name": "agent-key"}},
    }
    return {
        "apiVersion": TASK.api_version,
        "kind": TASK.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def demo_task(name: str) -> Manifest:
    spec = {"type": "demo", "prompt": "say done", "credentials": {"type": "none"}}
    return {
        "apiVersion": TASK.api_version,
        "kind": TASK.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def secret() -> Manifest:
    meta = {"name": "agent-key", "namespace": NAMESPACE}
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": meta,
        "stringData": {"ANTHROPIC_API_KEY": "none"},
    }


def plain(job: Manifest) -> Manifest:
    """The Job of a Task as anybody could create it: nobody's child, without our labels and finalizer."""
    spec = {key: value for key, value in job["spec"].items() if key not in ("selector", "template")}
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "spec": {**spec, "template": {"spec": job["spec"]["template"]["spec"]}},
    }


def named(manifest: Manifest, name: str) -> Manifest:
    return {**manifest, "metadata": {"name": name, "namespace": NAMESPACE}}


def print_times(what: str, ours: Sequence[float], beside: Sequence[float]) -> None:
    text = "  ".join(f"p{p} {at(ours, p) * 1e3:6.0f} ms ({at(ours, p) / at(beside, p):.2f}x)" for p in (50, 99))
    print(f"{what:<34}{text}  beside p50 {at(beside, 50) * 1e3:.0f} p99 {at(beside, 99) * 1e3:.0f} ms")


def at(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many per cent do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def print_used(what: str, before: Used, after: Used, tasks: int) -> None:
    memory, peak = (after.rss_kib - before.rss_kib) / tasks, after.peak_kib / 1024
    cpu = (after.cpu_seconds - before.cpu_seconds) / tasks * 1e3
    print(f"{what}: {memory:.1f} KiB and {cpu:.2f} ms CPU per Task; ", end="")
    print(f"{before.rss_kib / 1024:.0f} MiB before, {peak:.0f} MiB at most")


def print_counts(what: str, counts: Counts, tasks: int) -> None:
    writes, reads = counts.writes(), counts.reads()
    print(f"{what}: {sum(writes.values()) / tasks:.2f} writes, {sum(reads.values()) / tasks:.2f} reads, ", end="")
    print(f"{counts.events() / tasks:.2f} events, {sum(counts.refused.values()) / tasks:.3f} refusals per Task")
    for title, found in (("writes", writes), ("reads", reads), ("refused", counts.refused)):
        listed = ", ".join(f"{name} {count / tasks:.2f}" for name, count in sorted(found.items(), key=lambda i: -i[1]))
        print(f"    {title}: {listed or 'none'}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
