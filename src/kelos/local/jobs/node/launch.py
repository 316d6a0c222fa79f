"""From a container's specification to the command line, environment and folder of a process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kelos.api.kinds import Manifest
from kelos.local.jobs.node.surroundings import Surroundings
from kelos.local.jobs.pod.environment import build_environment, expand_words
from kelos.local.jobs.pod.mounts import Mounts
from kelos.local.jobs.process.processes import Launch
from kelos.local.jobs.storage.folder import PodFolder
from kelos.local.jobs.storage.sources import read_sources
from kelos.local.jobs.storage.volumes import mount


class ImageUnknown(Exception):
    """No command stands for the image on this node."""


async def build_launch(
    container: Manifest,
    pod: Manifest,
    node: Surroundings,
    folder: PodFolder,
    volumes: Mapping[str, Path],
    run: int,
) -> Launch:
    """Everything that one run needs. Raises ConfigError and ImageUnknown; both may heal."""
    name = container["name"]
    variables = build_environment(container, pod, await read_sources(node.cluster, pod))
    mounts = mount(container, volumes, folder.fresh_termination_file(name), variables)
    command = mounts.arguments(expand_words(container.get("command"), variables))
    args = mounts.arguments(expand_words(container.get("args"), variables))
    argv = node.images(container.get("image", ""), command, args)
    if not argv:
        raise ImageUnknown(f'no command for image "{container.get("image", "")}" on this plane')
    return Launch(
        id=f"{pod['metadata']['uid']}-{name}-{run}",
        argv=argv,
        environment={**_basis(pod, node, folder), **mounts.environment(variables)},
        directory=_directory(container, mounts, folder),
        log=node.logs.begin(pod, name, run),
    )


def _basis(pod: Manifest, node: Surroundings, folder: PodFolder) -> dict[str, str]:
    """What a container finds without asking: the host's minimum, and private folders."""
    return {
        **node.settings.environment,
        "HOME": str(folder.home),
        "TMPDIR": str(folder.temporary),
        "HOSTNAME": pod["metadata"]["name"],
    }


def _directory(container: Manifest, mounts: Mounts, folder: PodFolder) -> Path:
    """The working directory; below a mount it is made, as a container runtime does."""
    wanted = container.get("workingDir")
    if not wanted:
        return folder.home
    place = Path(mounts.path(wanted))
    if str(place) != wanted:
        place.mkdir(parents=True, exist_ok=True)
    return place
