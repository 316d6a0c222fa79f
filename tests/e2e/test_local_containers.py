"""`kelos run --local` in containers: podman with a store of its own, and our images."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.git_server import GitServer
from images.__main__ import tell
from images.build import build
from images.tools import require_tools
from kelos.settings import Settings
from realcluster.waiting import wait_for

LABEL = "label=kelos.dev/local-plane"
# A root without CAP_SYS_RESOURCE may not raise limits, and no systemd is asked for.
CONTAINERS = """\
[engine]
runtime = "kelos"
conmon_path = ["{tools.conmon}"]
cgroup_manager = "cgroupfs"
events_logger = "file"
[engine.runtimes]
kelos = ["{tools.runc}"]
[containers]
default_ulimits = ["nofile=10000:10000", "nproc=10000:10000"]
"""
STORAGE = '[storage]\ndriver = "overlay"\ngraphroot = "{root}/store"\nrunroot = "{root}/run"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine with podman, and `kelos` on it."""

    folder: Path
    env: dict[str, str]

    def podman(self, *words: str) -> str:
        command = ("podman", *words)
        return subprocess.run(command, env=self.env, check=True, capture_output=True, text=True, timeout=300).stdout

    def containers(self) -> list[str]:
        return self.podman("ps", "--all", "--quiet", "--filter", LABEL).split()

    def command(self, prompt: str, *words: str) -> list[str]:
        task = ("run", "--local", "--type", "demo", "--prompt", prompt, *words)
        return [sys.executable, "-m", "kelos", *task, *(() if "--containers" in words else ("--containers", "podman"))]

    def run(self, prompt: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = self.command(prompt, *words)
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=120, check=False)

    def start(self, prompt: str) -> subprocess.Popen[str]:
        """One that waits; its container runs when this returns."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(self.command(prompt), env=self.env, stdout=pipe, stderr=pipe, text=True)
        wait_for("its container", self.containers, 60)
        return process


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("podman")
    tools = require_tools(tell)
    (folder / "containers.conf").write_text(CONTAINERS.format(tools=tools))
    policy = folder / "home/.config/containers/policy.json"
    policy.parent.mkdir(parents=True)
    policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    (folder / "storage.conf").write_text(STORAGE.format(root=folder))
    settings = {
        "PATH": f"{tools.programs}:{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
    }
    machine = Machine(folder=folder, env={**os.environ, **settings})
    wanted = Settings()
    names = {"demo": wanted.agent_images["demo"], "kelos-runner": wanted.runner_image}
    try:
        for archive in build(list(names), folder, tell):
            machine.podman("load", "--quiet", "--input", str(archive))
            machine.podman("tag", f"kelos.test/{archive.stem}:dev", names[archive.stem])
        yield machine
    finally:
        machine.podman("system", "reset", "--force")  # its store is a mount, which nobody else would take away


def test_a_task_runs_in_a_container_and_its_answer_comes_back(machine: Machine) -> None:
    """The same Task as anywhere, and nothing is left."""
    done = machine.run("say hello from inside")

    assert 0 == done.returncode, done.stderr
    assert "hello from inside" in done.stdout
    assert "Succeeded" in done.stderr
    assert [] == machine.containers()


def test_an_agents_failure_is_told_with_its_reason(machine: Machine) -> None:
    """The termination message comes out of the container."""
    done = machine.run("fail the tests are red")

    assert 1 == done.returncode, done.stderr
    assert "AgentError" in done.stderr
    assert "the tests are red" in done.stderr


def test_a_prompt_arrives_byte_for_byte(machine: Machine) -> None:
    """A prompt travels as an argument and in a file; nobody expands it."""
    hostile = "say $(HOME) ${HOME} `id` \"quoted\" 'single' \\ EOF"

    done = machine.run(hostile)

    assert hostile.removeprefix("say ") in done.stdout, done.stderr


def test_an_interrupted_run_takes_its_container_along(machine: Machine) -> None:
    process = machine.start("sleep 600")

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert 130 == process.returncode
    assert [] == machine.containers()


def test_a_plane_that_is_killed_leaves_no_container(machine: Machine) -> None:
    """Nothing keeps spending, even when nobody is left to stop it."""
    process = machine.start("sleep 600")
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()

    os.kill(int(child), signal.SIGKILL)

    wait_for("the container to be gone", lambda: not machine.containers(), 30)
    process.communicate(timeout=60)
    assert 3 == process.returncode


def test_an_image_that_cannot_be_had_is_told(machine: Machine) -> None:
    """With the engine's own words, after the time that a start may take."""
    done = machine.run("say hello", "--image", "127.0.0.1:1/nowhere:1", "--start-timeout", "5s")

    assert 1 == done.returncode, done.stderr
    assert "ImagePull" in done.stderr
    assert "127.0.0.1:1/nowhere:1" in done.stderr


def test_an_image_of_ones_own_runs_in_a_container_without_asking(machine: Machine) -> None:
    """No program of this machine stands for it, so `auto` gives it to the engine that is there."""
    done = machine.run("say hello", "--image", "kelos.test/demo:dev", "--containers", "auto")

    assert 0 == done.returncode, done.stderr


def test_an_engine_that_cannot_be_used_is_said_in_one_sentence(machine: Machine) -> None:
    done = machine.run("say hello", "--containers", "docker")

    assert 2 == done.returncode, done.stdout
    assert 1 == len(done.stderr.splitlines())
    assert "--containers" in done.stderr


def test_a_task_works_in_a_checkout(machine: Machine, tmp_path: Path) -> None:
    """Cloned by one container, changed and pushed by another: they share the volume, and this machine's network."""
    with GitServer(tmp_path / "git") as host:
        bare = host.create("project")
        workspace = {
            "apiVersion": "kelos.dev/v1alpha2",
            "kind": "Workspace",
            "metadata": {"name": "project"},
            "spec": {"repo": host.url("project"), "ref": "main"},
        }
        manifest = tmp_path / "workspace.json"
        manifest.write_text(json.dumps(workspace))

        words = ("--workspace", "project", "--branch", "work", "-f", str(manifest))
        done = machine.run("write note.txt: hello\ncommit Add a note\npush", *words)

    assert 0 == done.returncode, done.stderr
    assert (bare / "refs/heads/work").exists()
