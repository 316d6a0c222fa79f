"""Pods as processes of this host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kelos.api.kinds import Manifest
from kelos.cluster.protocol import Cluster
from kelos.local.jobs.node.images import ImageCommands
from kelos.local.jobs.pod.environment import build_environment, expand_words
from kelos.local.jobs.pod.mounts import Mounts
from kelos.local.jobs.process.logs import PodLogs
from kelos.local.jobs.process.processes import ContainerProcess, Launch
from kelos.local.jobs.runs import ImageMissing
from kelos.local.jobs.storage.folder import PodFolder
from kelos.local.jobs.storage.sources import read_sources
from kelos.local.jobs.storage.volumes import mount


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedProcess:
    """A command line of this host."""

    launch: Launch

    @property
    def id(self) -> str:
        return f"process://{self.launch.id}"

    @property
    def log(self) -> Path:
        return self.launch.log

    async def start(self) -> ContainerProcess:
        return await ContainerProcess.start(self.launch)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRunner:
    """`environment` is all that containers inherit from the host."""

    cluster: Cluster
    images: ImageCommands
    logs: PodLogs
    environment: Mapping[str, str]

    @property
    def is_shared(self) -> bool:
        return False

    async def prepare(
        self, container: Manifest, pod: Manifest, folder: PodFolder, volumes: Mapping[str, Path], run: int
    ) -> PreparedProcess:
        name = container["name"]
        variables = build_environment(container, pod, await read_sources(self.cluster, pod))
        mounts = mount(container, volumes, folder.fresh_termination_file(name), variables)
        command = mounts.arguments(expand_words(container.get("command"), variables))
        args = mounts.arguments(expand_words(container.get("args"), variables))
        argv = self.images(container.get("image", ""), command, args)
        if not argv:
            raise ImageMissing(f'no program of this machine stands for image "{container.get("image", "")}"')
        launch = Launch(
            id=f"{pod['metadata']['uid']}-{name}-{run}",
            argv=argv,
            environment={**self._basis(pod, folder), **mounts.environment(variables)},
            directory=_directory(container, mounts, folder),
            log=self.logs.begin(pod, name, run),
        )
        return PreparedProcess(launch=launch)

    def _basis(self, pod: Manifest, folder: PodFolder) -> dict[str, str]:
        """What a container finds without asking: the host's minimum, and private folders."""
        return {
            **self.environment,
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
