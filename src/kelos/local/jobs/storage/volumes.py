"""Making a pod's volumes: folders and files below the pod's own folder, and where each container sees them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kelos.api.kinds import PVC, Manifest
from kelos.cluster.protocol import Cluster
from kelos.errors import ClusterError, NotFound
from kelos.local.jobs.pod.expansion import expand
from kelos.local.jobs.pod.files import File, has_files, safe_path, volume_files
from kelos.local.jobs.pod.mounts import Mounts, mount_point
from kelos.local.jobs.pod.references import Sources
from kelos.local.jobs.pod.states import ConfigError
from kelos.local.jobs.storage.atomic import write_files
from kelos.local.jobs.storage.folder import NodeFolder, PodFolder

OFFERED = ("emptyDir", "secret", "configMap", "downwardAPI", "projected", "persistentVolumeClaim")


def refused_volume(spec: Manifest) -> str | None:
    """A sentence about the first volume of a kind that this node does not have."""
    for volume in spec.get("volumes") or ():
        types = [key for key in volume if key != "name"]
        if types and types[0] not in OFFERED:
            return f"Volume {volume['name']!r} is a {types[0]}; this node offers {', '.join(OFFERED)}"
    return None


async def make_volumes(
    cluster: Cluster, node: NodeFolder, folder: PodFolder, pod: Manifest, sources: Sources
) -> dict[str, Path]:
    """Volumes by name. Raises ConfigError while something they need is missing; safe to repeat."""
    found: dict[str, Path] = {}
    for volume in pod["spec"].get("volumes") or ():
        name = volume["name"]
        try:
            found[name] = await _make(cluster, node, folder, volume, pod, sources)
        except ConfigError as error:
            raise ConfigError(f'MountVolume.SetUp failed for volume "{name}" : {error}') from error
    return found


def refresh_files(folder: PodFolder, pod: Manifest, sources: Sources) -> None:
    """Bring files from the API up to date; where a source is missing now the old ones stay."""
    for volume in pod["spec"].get("volumes") or ():
        if has_files(volume):
            with suppress(ConfigError):
                write_files(folder.volume(volume["name"]), _files(folder, volume, pod, sources))


def mount(
    container: Manifest, volumes: Mapping[str, Path], termination_file: Path, environment: Mapping[str, str]
) -> Mounts:
    """Where the container's paths are on this host. Raises ConfigError for a path that leaves its volume."""
    places: dict[str, str] = {}
    for each in container.get("volumeMounts") or ():
        place = volumes[each["name"]]
        inside = each.get("subPath") or expand(each.get("subPathExpr") or "", environment)
        if inside:
            place = place / safe_path(inside)
            if not place.exists():
                place.mkdir(parents=True)
        places[mount_point(each["mountPath"])] = str(place)
    _nest(places)
    message_path = container.get("terminationMessagePath") or "/dev/termination-log"
    return Mounts(places={**places, message_path: str(termination_file)})


async def _make(
    cluster: Cluster, node: NodeFolder, folder: PodFolder, volume: Manifest, pod: Manifest, sources: Sources
) -> Path:
    path = folder.volume(volume["name"])
    if has_files(volume):
        write_files(path, _files(folder, volume, pod, sources))
        return path
    if "persistentVolumeClaim" in volume:
        name = volume["persistentVolumeClaim"]["claimName"]
        path = await _claim(cluster, node, pod["metadata"]["namespace"], name)
    else:
        path.mkdir(mode=0o700, exist_ok=True)
    if folder.is_shared:
        path.chmod(0o777)
    return path


def _files(folder: PodFolder, volume: Manifest, pod: Manifest, sources: Sources) -> tuple[File, ...]:
    """Readable for the users inside containers, as a group that owns them would make them."""
    files = volume_files(volume, pod, sources)
    return tuple(replace(file, mode=file.mode | 0o444) for file in files) if folder.is_shared else files


async def _claim(cluster: Cluster, node: NodeFolder, namespace: str, name: str) -> Path:
    """The claim's folder; its first use binds it."""
    try:
        claim = await cluster.get(PVC, namespace, name)
    except NotFound as error:
        raise ConfigError(f'persistentvolumeclaim "{name}" not found') from error
    path = node.claim(claim)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (claim.get("status") or {}).get("phase") != "Bound":
        capacity = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
        modes = (claim.get("spec") or {}).get("accessModes") or []
        body = {"status": {"phase": "Bound", "accessModes": modes, "capacity": capacity}}
        with suppress(ClusterError):
            await cluster.patch(PVC, namespace, name, body, subresource="status")
    return path


def _nest(places: Mapping[str, str]) -> None:
    """A mount below another mount is a link there, for those who come by the outer path."""
    for inner in sorted(places, key=len):
        outer = Mounts(places={each: place for each, place in places.items() if each != inner}).path(inner)
        link = Path(outer)
        if outer == inner or link.exists() or link.is_symlink():
            continue
        with suppress(OSError):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(places[inner])
