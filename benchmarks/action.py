"""What a step costs: its start beside other ways to make a Task, its waiting, its memory, its log."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from _proxy import counting_proxy
from _servers import ROOT, local_server
from _waiter import SCALE

from agent_streams import stream
from fakes.runner import Job
from kelos.action.api.client import Api
from kelos.action.api.credentials import Credentials
from kelos.action.api.kubeconfig import parse
from kelos.action.log.book import LogBook
from kelos.action.log.console import Console
from kelos.action.log.show import Show
from kelos.api.kinds import TASK, Manifest
from kelos.errors import NotFound
from realcluster.binaries import find_kubectl, on_path

ROUNDS = 7
PIP_ROUNDS = 2
TURNS = 60  # one every ten seconds, for ten minutes
SPEC = {"type": "demo", "credentials": {"type": "none"}, "prompt": "say hello"}
INPUTS = {"prompt": "say hello", "type": "demo", "wait": "false", "required-permission": "none"}
# What an action in Python usually does: packages first, then the client.
PIP_SCRIPT = """\
import json, sys
from kubernetes import client, config
config.load_kube_config(sys.argv[1])
task = json.load(sys.stdin)
client.CustomObjectsApi().create_namespaced_custom_object("kelos.dev", "v1alpha2", "default", "tasks", task)
"""


class Sightings:
    """When each Task of a server was first seen, by a watch of our own."""

    def __init__(self, kubeconfig: Path) -> None:
        target = parse(json.loads(kubeconfig.read_text()), folder=kubeconfig.parent)
        self.api = Api(target, Credentials(target))
        self._seen: dict[str, float] = {}
        self._changed = threading.Condition()
        version = self.api.list(TASK, "default", {})["metadata"]["resourceVersion"]
        threading.Thread(target=self._watch, args=(version,), daemon=True).start()

    def seconds_until_new(self, act: Callable[[], object]) -> float:
        """From the start of `act` to the moment a Task is there that was not before."""
        with self._changed:
            before = set(self._seen)
        began = time.monotonic()
        thread = threading.Thread(target=act)
        thread.start()
        with self._changed:
            if not self._changed.wait_for(lambda: set(self._seen) - before, 300):
                raise RuntimeError("No Task has come")
            (name,) = set(self._seen) - before
            seconds = self._seen[name] - began
        thread.join()
        return seconds

    def _watch(self, version: str) -> None:
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "3000"}
        with self.api.lines(TASK.path("default"), query, silence_seconds=3000.0) as lines:
            for line in lines:
                change = json.loads(line)
                if change["type"] == "ADDED":
                    with self._changed:
                        self._seen[change["object"]["metadata"]["name"]] = time.monotonic()
                        self._changed.notify_all()


def manifest(name: str) -> Manifest:
    return {"apiVersion": TASK.api_version, "kind": "Task", "metadata": {"name": name}, "spec": SPEC}


def step(kubeconfig: Path, folder: Path, number: int, *, code: Path = ROOT) -> None:
    """One use of the Action with its composite steps."""
    folder.mkdir()
    env = {"KUBECONFIG": str(kubeconfig), "GITHUB_ACTION_PATH": str(code), "GITHUB_RUN_ID": str(number)}
    result = Job(folder, env=env).use(with_=INPUTS)
    if result.code:
        raise RuntimeError(result.log)


def without_bytecode(target: Path) -> Path:
    """The Action as a runner has just downloaded it."""
    shutil.copytree(ROOT / "src", target / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "requirements", target / "requirements")
    return target


def kubectl(program: Path, kubeconfig: Path, name: str, cache: Path) -> None:
    command = [str(program), "--kubeconfig", str(kubeconfig), "--cache-dir", str(cache), "apply", "-f", "-"]
    subprocess.run(command, input=json.dumps(manifest(name)), text=True, capture_output=True, check=True)


def with_pip(kubeconfig: Path, folder: Path, name: str, *options: str) -> None:
    """A folder of its own for each run, as a runner that is thrown away has it."""
    packages = folder / name
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options]
    subprocess.run([*install, "--target", str(packages), "kubernetes"], check=True, capture_output=True)
    subprocess.run(
        [sys.executable, "-c", PIP_SCRIPT, str(kubeconfig)],
        input=json.dumps(manifest(name)),
        env={**os.environ, "PYTHONPATH": str(packages)},
        text=True,
        check=True,
        capture_output=True,
    )


def measure_starts(kubeconfig: Path, folder: Path) -> None:
    seen = Sightings(kubeconfig)
    program = find_kubectl() or on_path("kubectl")
    numbers = iter(range(1000, 9999))
    cache = folder / "cache"
    runs: dict[str, tuple[int, Callable[[int], object]]] = {
        "the Action, warm": (ROUNDS, lambda n: step(kubeconfig, folder / f"w{n}", n)),
        "the Action, just downloaded": (
            ROUNDS,
            lambda n: step(kubeconfig, folder / f"c{n}", n, code=codes[n % ROUNDS]),
        ),
        "pip install, cached wheels": (PIP_ROUNDS, lambda n: with_pip(kubeconfig, folder, f"pip-{n}")),
        "pip install, no cache": (PIP_ROUNDS, lambda n: with_pip(kubeconfig, folder, f"pip-{n}", "--no-cache-dir")),
    }
    if program:
        runs["kubectl apply, warm"] = (ROUNDS, lambda n: kubectl(program, kubeconfig, f"k-{n}", cache))
        runs["kubectl apply, no discovery cache"] = (
            ROUNDS,
            lambda n: kubectl(program, kubeconfig, f"k-{n}", folder / f"cache-{n}"),
        )
    codes = [without_bytecode(folder / f"code-{number}") for number in range(ROUNDS)]
    step(kubeconfig, folder / "first", 999)  # bytecode and page cache
    times: dict[str, list[float]] = {}
    for name, (rounds, act) in runs.items():
        try:
            times[name] = [seen.seconds_until_new(partial(act, next(numbers))) for _ in range(rounds)]
        except (subprocess.CalledProcessError, RuntimeError) as error:
            print(f"{name}: not measured ({type(error).__name__})")
    medians = {name: statistics.median(values) for name, values in times.items()}
    base = medians.get("kubectl apply, warm") or medians["the Action, warm"]
    print(f"{'start to Task seen':<36}{'p50 s':>8}{'min s':>8}{'x kubectl':>11}")
    for name, median in medians.items():
        print(f"{name:<36}{median:>8.2f}{min(times[name]):>8.2f}{median / base:>11.1f}")


@contextmanager
def waiting_step(kubeconfig: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    folder.mkdir()
    said = {**INPUTS, "wait": "true", "kubeconfig": str(kubeconfig), "name": "waits", "timeout": "0"}
    env = {f"KELOS_INPUT_{key.upper().replace('-', '_')}": value for key, value in said.items()}
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("_waiter.py"))],
            env={**os.environ, **env, "KELOS_STATE": str(folder / "state")},
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield child
        finally:
            child.terminate()
            child.wait(20)


async def measure_waiting(kubeconfig: Path, folder: Path) -> None:
    api = Sightings(kubeconfig).api
    async with counting_proxy(kubeconfig, folder) as (proxied, counts):
        with waiting_step(proxied, folder / "waiting") as child:
            status = {"status": {"phase": "Running", "message": "The agent runs"}}
            await asyncio.to_thread(_until_running, api, status)
            counts.clear()
            await asyncio.sleep(3600 / SCALE)
            found, memory = dict(counts.requests), _peak_mib(child.pid)
    log = (folder / "waiting/log").read_text()
    beats = [line for line in log.splitlines() if " min: " in line]
    print(f"\nan hour of waiting, {SCALE} times as fast: {sum(found.values())} API calls: {found}")
    ratio = sum(found.values()) / 720
    print(f"    {ratio:.2f}x the 720 of a loop that reads the Task every five seconds (by arithmetic)")
    print(f"    {len(beats)} heartbeats, {sum(len(line) + 1 for line in beats)} bytes of log")
    print(f"memory while waiting: {memory:.0f} MiB at most, beside", end="")
    print(f" {_import_mib('pass'):.0f} MiB of an empty Python", end="")
    print(f" and {_import_mib('from kubernetes import client'):.0f} MiB of the official client, imported")


def _until_running(api: Api, status: Manifest) -> None:
    for _ in range(200):
        try:
            api.patch(TASK, "default", "waits/status", status)
        except NotFound:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("The step made no Task")


def _peak_mib(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def _import_mib(code: str) -> float:
    script = f"{code}\nprint(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    found = re.search(r"VmHWM:\s+(\d+)", done.stdout)
    return int(found[1]) / 1024 if found else float("nan")


def measure_log(folder: Path) -> None:
    print(f"\n{'bytes of log, ten minutes':<28}{'agent':>10}{'shown':>10}{'ratio':>8}")
    for agent in ("claude-code", "codex", "gemini", "opencode"):
        lines = list(stream(agent))
        first, *turns, last = lines
        raw = [first, *(turns * (TURNS // 3 + 1))[: TURNS * max(1, len(turns) // 3)], last]
        shown = io.StringIO()
        book = LogBook(folder / agent, show=Show(agent), console=Console(is_actions=True, stream=shown), is_live=True)
        for line in raw:
            book.write("kelos-agent", line, "pod")
        book.close()
        given, told = sum(len(line) + 1 for line in raw), len(shown.getvalue())
        print(f"{agent:<28}{given:>10}{told:>10}{told / given:>8.2f}")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kelos-bench-") as name, local_server(Path(name)) as kubeconfig:
        measure_starts(kubeconfig, Path(name))
        asyncio.run(measure_waiting(kubeconfig, Path(name)))
        measure_log(Path(name))


if __name__ == "__main__":
    main()
