"""Which program runs the local plane's pods: docker, podman, or nothing but this machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from kelos.agents.registry import find_agent
from kelos.api.kinds import Manifest
from kelos.errors import UserError
from kelos.local.jobs.engine import undertaker
from kelos.local.jobs.engine.argv import list_of_plane
from kelos.local.jobs.engine.client import Client
from kelos.local.jobs.node.images import ImageCommands
from kelos.local.jobs.node.surroundings import RunnerChoice
from kelos.local.jobs.runs import Runner
from kelos.settings import Settings

CONTAINERS = ("auto", "docker", "podman", "none")
ENGINES = ("docker", "podman")


async def find_client(choice: str, environment: Mapping[str, str] = os.environ) -> Client | None:
    """The engine to use, None for processes only. Raises UserError when the one that is asked for cannot be used."""
    if choice == "none":
        return None
    for name in ENGINES if choice == "auto" else (choice,):
        program = shutil.which(name, path=environment.get("PATH"))
        if program is None:
            if choice == name:
                raise UserError(f"{name} is not installed; install it, or choose another --containers")
            continue
        client = Client(name=name, program=program, environment=dict(environment))
        answer = await client.ask("ps", "--quiet")
        if answer.code == 0:
            return client
        if choice == name:
            raise UserError(f"{name} cannot be used: {answer.sentence.rstrip('.')}; choose another --containers")
    return None


async def check_image(choice: str, image: str, environment: Mapping[str, str] = os.environ) -> None:
    """Raises UserError when the engine of that choice cannot be used, or there is none for an image that needs one."""
    needs_engine = bool(image) and image not in installed_agents(Settings())
    if choice == "auto" and not needs_engine:
        return
    if await find_client(choice, environment) is None and needs_engine:
        raise UserError(
            f"Image '{image}' needs docker or podman, and none is used; start one of them, "
            "or leave out --image to use an agent of this machine"
        )


@asynccontextmanager
async def containers_of(client: Client | None, plane: str) -> AsyncIterator[None]:
    """No container of the plane before and after, however the plane ends: a program beside it waits for that."""
    if client is None:
        yield
        return
    await client.remove_all(plane)
    listing = [client.program, *list_of_plane(plane)]
    watching = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", undertaker.__file__, client.program, "rm", "--force", "--volumes", "--", *listing,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        env=dict(client.environment), start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        assert watching.stdin is not None
        watching.stdin.close()
        await asyncio.shield(watching.wait())


def choose_runner(choice: str, images: ImageCommands, processes: Runner, containers: Runner | None) -> RunnerChoice:
    """Containers for all pods when an engine is asked for; else for those that this machine's programs cannot run."""

    def runner_of(pod: Manifest) -> Runner:
        if containers is None or (choice == "auto" and all(map(is_known, _containers(pod)))):
            return processes
        return containers

    def is_known(container: Manifest) -> bool:
        command, args = tuple(container.get("command") or ()), tuple(container.get("args") or ())
        return images(container.get("image", ""), command, args) is not None

    return runner_of


def installed_agents(settings: Settings, is_there: Callable[[str], object] = shutil.which) -> frozenset[str]:
    """Images of agents whose program this machine has."""
    return frozenset(
        image
        for agent, image in settings.agent_images.items()
        if not (program := find_agent(agent).program) or is_there(program)
    )


def _containers(pod: Manifest) -> list[Manifest]:
    return [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]
