"""Which program runs the pods of the local plane."""

from __future__ import annotations

from pathlib import Path

import pytest

from kelos.errors import UserError
from kelos.processes.engines import check_image, choose_runner, find_client, installed_agents
from kelos.settings import Settings

pytestmark = pytest.mark.anyio
WORKS, BROKEN = "exit 0", "echo 'permission denied: the socket' >&2; exit 1"
PROCESSES, ENGINE = object(), object()


@pytest.fixture
def machine(tmp_path: Path):
    """A machine with these engines; each is a stand-in that only answers."""

    def have(**engines: str) -> dict[str, str]:
        for name, script in engines.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
        return {"PATH": str(tmp_path)}

    return have


async def found(choice: str, environment: dict[str, str]) -> str | None:
    client = await find_client(choice, environment)
    return client and client.name


async def test_the_first_engine_that_works_is_taken(machine):
    assert "docker" == await found("auto", machine(docker=WORKS, podman=WORKS))
    assert "podman" == await found("auto", machine(docker=BROKEN, podman=WORKS))


async def test_without_a_working_engine_there_are_processes_only(machine):
    assert await found("auto", machine()) is None
    assert await found("auto", machine(docker=BROKEN)) is None
    assert await found("none", machine(docker=WORKS)) is None


async def test_an_engine_that_is_asked_for_must_work(machine):
    with pytest.raises(UserError, match="podman is not installed; install it, or choose another --containers"):
        await find_client("podman", machine(docker=WORKS))
    with pytest.raises(UserError, match="docker cannot be used: permission denied: the socket; choose another"):
        await find_client("docker", machine(docker=BROKEN))


async def test_an_image_without_an_engine_is_told_of_before_anything_starts(machine):
    """Nobody would run it, and the Task would wait for its whole start timeout."""
    ours = Settings().agent_images["demo"]

    for choice, environment in (("auto", machine(docker=BROKEN)), ("none", machine())):
        with pytest.raises(UserError, match=r"Image 'example\.org/mine:1' needs docker or podman, and none is used"):
            await check_image(choice, "example.org/mine:1", environment)
        await check_image(choice, ours, environment)
        await check_image(choice, "", environment)
    await check_image("auto", "example.org/mine:1", machine(podman=WORKS))


def test_agents_whose_program_is_here_are_processes():
    """The demo agent has no program but the runner; of the others the one on PATH counts."""
    images = Settings().agent_images

    here = installed_agents(Settings(), {"claude", "cursor-agent"}.__contains__)

    assert {images[name] for name in ("demo", "claude-code", "cursor")} == here


def runner(choice: str, *images: str, engine: object | None = ENGINE) -> object:
    known = {"ours"}
    containers = [{"name": "c", "image": image} for image in images]
    runner_of = choose_runner(
        choice, lambda image, command, args: ("program",) if image in known else None, PROCESSES, engine
    )
    return runner_of({"spec": {"initContainers": containers[:-1], "containers": containers[-1:]}})


def test_a_pod_runs_wholly_in_one_way():
    """What this machine's programs can run is a process, anything else a container; never half and half."""
    assert PROCESSES is runner("auto", "ours", "ours")
    assert ENGINE is runner("auto", "ours", "theirs")
    assert ENGINE is runner("auto", "theirs", "ours")
    assert ENGINE is runner("podman", "ours", "ours")
    assert PROCESSES is runner("auto", "theirs", engine=None)
