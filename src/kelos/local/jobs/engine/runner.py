"""Pods as containers of docker or podman."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kelos.api.kinds import Manifest
from kelos.cluster.protocol import Cluster
from kelos.local.jobs.engine.argv import Bind, Wanted, pull_policy, security_of, split_environment
from kelos.local.jobs.engine.client import PULL_SECONDS, Client
from kelos.local.jobs.engine.containers import PreparedContainer
from kelos.local.jobs.pod.environment import build_environment, expand_words
from kelos.local.jobs.pod.expansion import expand
from kelos.local.jobs.pod.files import has_files, safe_path
from kelos.local.jobs.pod.mounts import mount_point
from kelos.local.jobs.pod.states import ConfigError
from kelos.local.jobs.process.logs import PodLogs
from kelos.local.jobs.runs import ImageMissing
from kelos.local.jobs.storage.folder import PodFolder
from kelos.local.jobs.storage.sources import read_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRunner:
    """Containers carry `plane` as a label, by which they are found again."""

    client: Client
    cluster: Cluster
    logs: PodLogs
    plane: str

    @property
    def is_shared(self) -> bool:
        return True

    async def prepare(
        self, container: Manifest, pod: Manifest, folder: PodFolder, volumes: Mapping[str, Path], run: int
    ) -> PreparedContainer:
        name, uid = container["name"], pod["metadata"]["uid"]
        variables = build_environment(container, pod, await read_sources(self.cluster, pod))
        content, by_name = split_environment(variables)
        await self._provide(container)
        message = folder.fresh_termination_file(name)
        message.chmod(0o666)  # below a folder that is ours alone
        directory = expand(container.get("workingDir") or "", variables)
        wanted = Wanted(
            name=f"kelos-{uid}-{name}-{run}",
            plane=self.plane,
            image=container["image"],
            environment_file=write_private(message.with_name("environment"), content),
            command=expand_words(container.get("command"), variables),
            args=expand_words(container.get("args"), variables),
            directory=directory,
            binds=(
                *binds(container, pod, volumes, variables),
                Bind(source=message, target=container.get("terminationMessagePath") or "/dev/termination-log"),
            ),
            by_name=by_name,
            security=security_of(pod, container),
            limits=(container.get("resources") or {}).get("limits") or {},
        )
        make_directory(directory, wanted.binds)
        handed_over = {each: variables[each] for each in by_name}
        return PreparedContainer(
            client=self.client, wanted=wanted, variables=handed_over, log=self.logs.begin(pod, name, run)
        )

    async def _provide(self, container: Manifest) -> None:
        """The image by the container's pull policy. Raises ImageMissing."""
        image, policy = container["image"], pull_policy(container)
        if policy != "Always" and (await self.client.ask("image", "inspect", "--format", "{{.Id}}", image)).code == 0:
            return
        if policy == "Never":
            text = f'Container image "{image}" is not present with pull policy of Never'
            raise ImageMissing(text, is_retried=False)
        pulled = await self.client.ask("pull", "--quiet", image, seconds=PULL_SECONDS)
        if pulled.code:
            raise ImageMissing(f'failed to pull image "{image}": {pulled.sentence}')


def binds(
    container: Manifest, pod: Manifest, volumes: Mapping[str, Path], variables: Mapping[str, str]
) -> tuple[Bind, ...]:
    """The container's mounts, outer ones first. Files from the API are never written. Raises ConfigError."""
    from_api = {volume["name"] for volume in pod["spec"].get("volumes") or () if has_files(volume)}
    found = []
    for mount in container.get("volumeMounts") or ():
        place = volumes[mount["name"]]
        if inside := mount.get("subPath") or expand(mount.get("subPathExpr") or "", variables):
            place = inside_of(place, inside)
            if not place.exists():
                open_folder(place)
        is_read_only = bool(mount.get("readOnly")) or mount["name"] in from_api
        found.append(Bind(source=place, target=mount_point(mount["mountPath"]), is_read_only=is_read_only))
    return tuple(sorted(found, key=lambda bind: len(bind.target)))


def inside_of(volume: Path, path: str) -> Path:
    """A place in a volume. An earlier container may have left links there that lead out to this machine's files."""
    place = volume / safe_path(path)
    if not place.resolve().is_relative_to(volume.resolve()):
        raise ConfigError(f"subPath '{path}' leads out of its volume")
    return place


def make_directory(directory: str, mounted: tuple[Bind, ...]) -> None:
    """A working directory below a mount is made, as Kubernetes does."""
    for bind in sorted(mounted, key=lambda bind: -len(bind.target)):
        if directory.startswith(bind.target.rstrip("/") + "/"):
            place = bind.source / safe_path(directory[len(bind.target.rstrip("/")) + 1 :])
            if not bind.is_read_only and not place.exists() and place.parent.resolve().is_relative_to(bind.source):
                open_folder(place)
            return


def open_folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o777)


def write_private(path: Path, content: str) -> Path:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    return path
