"""What a Task costs on a real node, beside Jobs of the same image: time per step, time of many, memory and CPU.

    python benchmarks/node.py [--tasks 200] [--at-once 10] [--rounds 3] [--singles 20]

Needs root, for the node: it brings up everything itself, as `make e2e` does. Work is what the demo agent does with
`say done`. Rounds of Tasks and of Jobs take turns; the quietest round of each is printed beside all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from _controller import TICKS_PER_SECOND
from _figures import at, print_used
from _manifests import NAMESPACE, demo_task
from _moments import STEPS, PodSightings, moments, runtime_events
from _node import DEMO_IMAGE, UNAVAILABLE, Site, installed_node
from _sightings import sightings

from kelos.api.kinds import AGENT_CONFIG, JOB, TASK, Manifest
from kelos.cluster.client import connect
from kelos.cluster.kubeconfig import load_access

PROMPT = "say done"
BARE = f"echo '{PROMPT}' | python3 /kelos/runner.pyz demo"
WITH_RUNNER = f"KELOS_AGENT_TYPE=demo exec /kelos_entrypoint.sh '{PROMPT}'"
PLUGIN = "bench"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--singles", type=int, default=20)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="kelos-bench-") as folder:
        try:
            with installed_node(Path(folder)) as site:
                asyncio.run(one_at_a_time(site, options.singles))
                many(site, options.tasks, options.at_once, options.rounds)
        except UNAVAILABLE as error:
            print(f"no real node here: {error}")


# One at a time


async def one_at_a_time(site: Site, count: int) -> None:
    """Each kind in turn, alone on the node; the first turn warms up."""
    kinds: dict[str, Callable[[str], Manifest]] = {
        "task": demo_task,
        "prepared": prepared_task,
        "runner": lambda name: job(name, WITH_RUNNER),
        "bare": lambda name: job(name, BARE),
    }
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    async with (
        await connect(load_access(kubeconfig=str(site.kubeconfig))) as cluster,
        sightings(cluster, NAMESPACE) as seen,
        runtime_events(site.event_command) as runtime,
    ):
        pods = PodSightings(seen)
        await cluster.create(AGENT_CONFIG, agent_config())
        for number in range(count + 1):
            for kind, build in kinds.items():
                name = f"{kind}-{number}"
                manifest, posted = build(name), time.time()
                is_task = manifest["kind"] == TASK.kind
                await cluster.create(TASK if is_task else JOB, manifest)
                await seen.all(seen.task_ended if is_task else seen.job_complete, [name])
                await seen.all(seen.job_complete, [name])
                if number:
                    what = await moments(name, posted, cluster=cluster, seen=seen, pods=pods, runtime=runtime)
                    found[kind].append(what)
    print_steps(found)


def print_steps(found: dict[str, list[dict[str, float]]]) -> None:
    """Each step with the median of the time since the one before it, and two sums."""
    titles = {
        "task": "Task",
        "prepared": "Task with a plugin",
        "runner": "Job, agent below the runner",
        "bare": "Job, agent alone",
    }
    (count,) = {len(values) for values in found.values()}
    print(f"\n| One at a time, p50 of {count} in ms | {' | '.join(titles[kind] for kind in found)} |")
    print(f"|---|{'---:|' * len(found)}")
    for step in STEPS:
        cells = [
            _cell([value for one in values if (value := since_last(one, step)) is not None])
            for values in found.values()
        ]
        print(f"| … → {step} | {' | '.join(cells)} |")
    for step in ("first line", "end seen"):
        cells = [
            f"{_cell([one[step] for one in values])} (p95 {at([one[step] for one in values], 95) * 1e3:.0f})"
            for values in found.values()
        ]
        print(f"| created → {step} | {' | '.join(cells)} |", flush=True)


def since_last(one: dict[str, float], step: str) -> float | None:
    """The time since the step before it that this one had."""
    if step not in one:
        return None
    before = [one[name] for name in STEPS[: STEPS.index(step)] if name in one]
    return one[step] - (before[-1] if before else 0.0)


def _cell(values: list[float]) -> str:
    return f"{median(values) * 1e3:.0f}" if values else ""


def job(name: str, script: str) -> Manifest:
    """What `kubectl create job` makes."""
    container = {"name": "agent", "image": DEMO_IMAGE, "command": ["sh", "-c", script]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    meta = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": JOB.api_version, "kind": JOB.kind, "metadata": meta, "spec": {"template": template}}


def prepared_task(name: str) -> Manifest:
    """A Task whose pod has a preparing container, which writes one file."""
    manifest = demo_task(name)
    return {**manifest, "spec": {**manifest["spec"], "agentConfigRefs": [{"name": PLUGIN}]}}


def agent_config() -> Manifest:
    plugin = {"name": PLUGIN, "skills": [{"name": "one", "content": "Say what you do."}]}
    return {
        "apiVersion": AGENT_CONFIG.api_version,
        "kind": AGENT_CONFIG.kind,
        "metadata": {"name": PLUGIN, "namespace": NAMESPACE},
        "spec": {"plugins": [plugin]},
    }


# Many


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """How long everything took, each of them, and the CPU of the whole machine meanwhile."""

    wall_seconds: float
    each: list[float]
    busy_seconds: float


def many(site: Site, count: int, at_once: int, rounds: int) -> None:
    """`kubectl create` and `kubectl wait` for each, so many at a time; who goes first takes turns."""
    runs: dict[str, Callable[[Site, str], None]] = {
        "Task": run_task,
        "Job below the runner": lambda site, name: run_job(site, name, WITH_RUNNER),
        "Job": lambda site, name: run_job(site, name, BARE),
    }
    found: dict[str, list[Round]] = {kind: [] for kind in runs}
    print(f"\n{count} of each, {at_once} at a time, {rounds} rounds", flush=True)
    for number in range(rounds):
        order = [*list(runs)[number % len(runs) :], *list(runs)[: number % len(runs)]]
        for kind in order:
            names = [f"{kind.lower().replace(' ', '-')}-{number}-{n}" for n in range(count)]
            before = site.controller.used()
            turn = run_round(lambda name, run=runs[kind]: run(site, name), names, at_once)  # type: ignore[misc]
            found[kind].append(turn)
            busy = turn.busy_seconds / count
            print(
                f"  round {number + 1}: {kind} {turn.wall_seconds:.1f} s, machine's CPU {busy:.2f} s each", flush=True
            )
            if kind == "Task":
                print_used(f"  round {number + 1}: controller", before, site.controller.used(), count)
    best = {kind: min(turns, key=lambda turn: turn.wall_seconds) for kind, turns in found.items()}
    print_round("wall time, s", best, lambda turn: turn.wall_seconds)
    print_round("each, p50 s", best, lambda turn: at(turn.each, 50))
    print_round("each, p95 s", best, lambda turn: at(turn.each, 95))
    print_round("CPU of the machine per one, s", best, lambda turn: turn.busy_seconds / count)


def run_round(run: Callable[[str], None], names: Iterable[str], at_once: int) -> Round:
    def timed(name: str) -> float:
        started = time.monotonic()
        run(name)
        return time.monotonic() - started

    started, busy = time.monotonic(), busy_seconds()
    with ThreadPoolExecutor(at_once) as pool:
        each = list(pool.map(timed, names))
    return Round(wall_seconds=time.monotonic() - started, each=each, busy_seconds=busy_seconds() - busy)


def run_task(site: Site, name: str) -> None:
    """Without validation by kubectl, which reads the server's whole schema each time."""
    kubectl(site, "create", "--validate=false", "-f", "-", text=json.dumps(demo_task(name)))
    kubectl(site, "wait", "--for=condition=Succeeded", f"{TASK.plural}.{TASK.group}/{name}", "--timeout=300s")


def run_job(site: Site, name: str, script: str) -> None:
    kubectl(site, "create", "job", name, f"--image={DEMO_IMAGE}", "--", "sh", "-c", script)
    kubectl(site, "wait", "--for=condition=Complete", f"job/{name}", "--timeout=300s")


def kubectl(site: Site, *words: str, text: str = "") -> None:
    command = [str(site.kubectl), f"--kubeconfig={site.kubeconfig}", f"--namespace={NAMESPACE}", *words]
    subprocess.run(command, input=text, capture_output=True, text=True, check=True)


def busy_seconds() -> float:
    """CPU time that all programs of this machine used since it started."""
    user, nice, system = (int(word) for word in Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / TICKS_PER_SECOND


def print_round(what: str, best: dict[str, Round], figure: Callable[[Round], float]) -> None:
    ours, below, theirs = (figure(best[kind]) for kind in ("Task", "Job below the runner", "Job"))
    ratios = f"{ours / below:.2f}x and {ours / theirs:.2f}x"
    print(f"{what:<32}Task {ours:7.2f}  Job below the runner {below:7.2f}  Job {theirs:7.2f}  {ratios}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
