"""Workflows that end badly, by seeds: however a step ends, its agent is gone within the bound that we promise.

`PYTHONPATH=tests python -m orphans --seconds 600` goes on for that long. A seed decides what happens and roughly when;
what the machine makes of it in between is its own.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fakes.runner import Job, Result
from kelos.api.kinds import POD, TASK, Manifest
from kelos.api.names import LABEL_TASK
from small_cluster import SmallCluster, small_cluster
from unsteady_wire import UnsteadyWire, Weather

LEASE_SECONDS = 30
SLACK_SECONDS = 15.0
"""One look of the controller, the end of the pod, and a machine that is busy with other workflows."""
MISHAPS = ("cancel", "cancel", "two signals", "step timeout", "kill the step", "machine dies", "machine dies")
WIRES = ("fine", "fine", "rough", "cut before", "cut with", "stalled before")
LATEST_SECONDS = 7.0
STEP_SECONDS = 240.0
AGENT_SECONDS = 30.0
"""Past that a workflow's agent is not waited for: it never comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happens to one workflow. Moments are seconds from its start, or from the moment that its agent runs."""

    seed: int
    mode: str
    mishap: str
    from_agent: bool
    at: float
    on_cancel: str
    wire: str
    wire_at: float
    comes_back: bool

    @property
    def bound(self) -> float:
        """Seconds that an agent may outlive its workflow."""
        asks = self.mishap != "machine dies" and self.wire == "fine"  # somebody is left who can ask for the end
        return SLACK_SECONDS if self.mode == "local" or asks else LEASE_SECONDS + SLACK_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a workflow ended, how long its agent outlived it, and what is wrong with that, if anything."""

    story: Story
    conclusion: str
    had_agent: bool
    outlived: float
    problem: str = ""

    def __str__(self) -> str:
        story = self.story
        since = "of its agent" if story.from_agent else "of its own"
        when = f"{story.mode}, {story.mishap} ({story.on_cancel}) at {story.at:.1f} s {since}, wire {story.wire}"
        end = f"outlived by {self.outlived:.1f} of {story.bound:.0f} s" if self.had_agent else "had no agent"
        return f"seed {story.seed}: {when}: {self.conclusion or 'no outputs'}, {end} {self.problem}".rstrip()


def story_of(seed: int) -> Story:
    """The same for the same seed."""
    rng = Random(seed)
    mode = "local" if rng.random() < 0.15 else "cluster"
    mishap, from_agent = rng.choice(MISHAPS), rng.random() < 0.6
    at = rng.uniform(0.0, 2.0 if from_agent else LATEST_SECONDS)
    wire = rng.choice(WIRES) if mode == "cluster" else "fine"
    before = at - rng.uniform(0.0, 2.0) if wire.endswith("before") else at
    return Story(
        seed=seed,
        mode=mode,
        mishap=mishap,
        from_agent=from_agent,
        at=at,
        on_cancel="cancel" if rng.random() < 0.7 else "delete",
        wire=wire,
        wire_at=max(0.0, before),
        comes_back=rng.random() < 0.5,
    )


def play(story: Story, cluster: SmallCluster, folder: Path) -> Verdict:
    """Let it happen, and look for the agent until the bound has passed."""
    word = f"orphan-{story.seed}-{folder.name}"
    rng = Random(story.seed)
    weather = Weather(error=0.2, refused=0.1, lost_answer=0.1) if story.wire == "rough" else Weather()
    with UnsteadyWire(cluster.document["clusters"][0]["cluster"]["server"], weather, rng) as wire:
        watch = _Watch(cluster, word)
        result = _use(story, _job(story, cluster, wire, folder), wire, watch)
        ended = time.monotonic()
        while (left := watch.look()) and time.monotonic() < ended + story.bound:
            time.sleep(0.1)
    outlived = time.monotonic() - ended
    problems = [f"it left {', '.join(left)}"] if left else []
    problems += _twice(cluster, word)
    return Verdict(
        story=story,
        conclusion=result.outputs["conclusion"],
        had_agent=watch.has_seen_agent,
        outlived=outlived,
        problem=f"BUT {'; '.join(problems)}\n{result.log}" if problems else "",
    )


class _Watch:
    """Looks for what is left of one workflow: processes of its agent, and Tasks that may still start one."""

    def __init__(self, cluster: SmallCluster, word: str) -> None:
        self._cluster = cluster
        self.word = word
        self.has_seen_agent = False

    def look(self) -> list[str]:
        agents = agents_of(self.word)
        self.has_seen_agent = self.has_seen_agent or bool(agents)
        tasks = [task for task in tasks_of(self._cluster, self.word) if _phase(task) not in ("Succeeded", "Failed")]
        return [f"process {pid}" for pid in agents] + [f"Task {task['metadata']['name']}" for task in tasks]

    def await_agent(self, is_over: threading.Event) -> None:
        until = time.monotonic() + AGENT_SECONDS
        while not self.has_seen_agent and time.monotonic() < until and not is_over.wait(0.05):
            self.has_seen_agent = bool(agents_of(self.word))


def _job(story: Story, cluster: SmallCluster, wire: UnsteadyWire, folder: Path) -> Job:
    document = cluster.document
    document["clusters"][0]["cluster"] = {"server": wire.url}
    path = folder / "kubeconfig.json"
    path.write_text(json.dumps(document))
    where = {"KELOS_PYTHON": sys.executable} if story.mode == "local" else {"KUBECONFIG": str(path)}
    return Job(folder, env={**where, "GITHUB_RUN_ID": folder.name}, step_seconds=STEP_SECONDS)


def _use(story: Story, job: Job, wire: UnsteadyWire, watch: _Watch) -> Result:
    pause = Random(story.seed).uniform(0.0, 0.5)
    cancel, time_up, is_over, has_begun = (threading.Event() for _ in range(4))
    began = time.monotonic()

    def begin() -> None:
        nonlocal began
        if story.from_agent:
            watch.await_agent(is_over)
            began = time.monotonic()
        has_begun.set()

    def wait(moment: float) -> bool:
        has_begun.wait()
        return not is_over.wait(max(0.0, began + moment - time.monotonic()))

    def weather() -> None:
        if not story.wire.startswith(("cut", "stalled")) or not wait(story.wire_at):
            return
        wire.turn("cut" if story.wire.startswith("cut") else "stalled")
        if story.comes_back and wait(story.at + 3.0):
            wire.turn("through")

    def mishap() -> None:
        if not wait(story.at):
            return
        if story.mishap == "cancel":
            cancel.set()
        elif story.mishap == "step timeout":
            time_up.set()
        elif story.mishap == "machine dies":
            job.die()
        else:
            hard = (signal.SIGKILL,) if story.mishap == "kill the step" else (signal.SIGINT, signal.SIGTERM)
            for number in hard:
                if job.running is not None:
                    job.running.send_signal(number)
                time.sleep(pause)
            if wait(story.at + 5.0):
                cancel.set()  # nothing was there to be killed, or the reaper is at work and minds no cancel

    threads = [threading.Thread(target=body) for body in (begin, weather, mishap)]
    for thread in threads:
        thread.start()
    said = {
        "type": "demo",
        "prompt": f"sleep 600\nsay {watch.word}",
        "mode": story.mode,
        "on-cancel": story.on_cancel,
        "lease": f"{LEASE_SECONDS}s",
        "timeout": "10m",
    }
    try:
        return job.use(with_=said, cancel_when=cancel, time_up_when=time_up)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def _twice(cluster: SmallCluster, word: str) -> list[str]:
    """Nothing is submitted or run twice, whatever was lost on the way."""
    names = [task["metadata"]["name"] for task in tasks_of(cluster, word)]
    pods = [pod for pod in cluster.all(POD) if pod["metadata"].get("labels", {}).get(LABEL_TASK) in names]
    return [f"there were {len(names)} Tasks and {len(pods)} pods"] if len(names) > 1 or len(pods) > 1 else []


def tasks_of(cluster: SmallCluster, word: str) -> list[Manifest]:
    return [task for task in cluster.all(TASK) if word in task["spec"]["prompt"]]


def _phase(task: Manifest) -> str:
    return str((task.get("status") or {}).get("phase"))


def agents_of(word: str) -> list[int]:
    """The processes that have this word on their command line, as every process of the agent's pod does."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if word.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def play_all(seeds: Sequence[int], cluster: SmallCluster, folder: Path) -> list[Verdict]:
    """Side by side: most of what a workflow does is waiting."""

    def one(seed: int) -> Verdict:
        return play(story_of(seed), cluster, Path(tempfile.mkdtemp(prefix=f"{seed}-", dir=folder)))

    with ThreadPoolExecutor(len(seeds)) as pool:
        return list(pool.map(one, seeds))


@contextmanager
def playground(workflows: int) -> Iterator[tuple[SmallCluster, Path]]:
    """A cluster with room for that many agents, and a folder; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="kelos-orphans-") as name:
        plane, jobs = Path(name) / "cluster", Path(name) / "jobs"
        plane.mkdir()
        jobs.mkdir()
        with small_cluster(plane, pods=workflows * 2) as cluster:
            yield cluster, jobs


def main(arguments: list[str]) -> int:
    """1 when an agent outlived its workflow for too long."""
    parser = argparse.ArgumentParser(prog="python -m orphans", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="begin nothing new after that (default: 600)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default: 1)")
    parser.add_argument("--workflows", type=int, default=6, help="how many at a time (default: 6)")
    options = parser.parse_args(arguments)
    until, seed, bad = time.monotonic() + options.seconds, options.seed, 0
    with playground(options.workflows) as (cluster, folder):
        while seed == options.seed or time.monotonic() < until:
            for verdict in play_all(range(seed, seed + options.workflows), cluster, folder):
                print(verdict, flush=True)
                bad += bool(verdict.problem)
            for task in cluster.all(TASK):
                cluster.api.delete(TASK.path("default", task["metadata"]["name"]))
            seed += options.workflows
    print(f"{seed - options.seed} workflows, {bad} with a problem")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
