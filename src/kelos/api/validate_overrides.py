"""What would make a pod break what we promise: names and places of ours taken, side containers that end the pod."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kelos.api import names
from kelos.api.checks import each, repeated
from kelos.api.pod_overrides import PodOverrides

OURS = ("/kelos", names.PATH_TERMINATION_LOG)
OURS_WITH_A_WORKSPACE = (names.PATH_WORKSPACE, names.PATH_REPO, names.PATH_GH_CONFIG)


def check_pod_overrides(overrides: PodOverrides, *, has_workspace: bool = True) -> tuple[str, ...]:
    """What is wrong with names, mounts and restarts. Everything else is the API server's to judge."""
    containers = [_name(entry) for entry in (*overrides.extra_containers, *overrides.extra_init_containers)]
    volumes = [_name(entry) for entry in overrides.volumes]
    return (
        *each("container name", containers, _container_name),
        *(f"container name '{name}' is used twice" for name in repeated(containers)),
        *each("volume name", volumes, _volume_name),
        *(f"volume name '{name}' is used twice" for name in repeated(volumes)),
        *_restarts(overrides),
        *_mounts(overrides, has_workspace=has_workspace),
    )


def _restarts(overrides: PodOverrides) -> Iterator[str]:
    for container in overrides.extra_containers:
        if container.get("restartPolicy") not in (None, "Always"):
            said = "restartPolicy may not be set, what shall end belongs into extraInitContainers"
            yield f"extraContainers '{_name(container)}': {said}"


def _mounts(overrides: PodOverrides, *, has_workspace: bool) -> Iterator[str]:
    ours = (*OURS, *(OURS_WITH_A_WORKSPACE if has_workspace else ()))
    for mount in overrides.volume_mounts:
        path = mount.get("mountPath")
        if isinstance(path, str) and (hidden := _hidden_by(path, ours)):
            yield f"volumeMounts path '{path}' must not be over '{hidden}', which the agent needs"


def _hidden_by(path: str, ours: tuple[str, ...]) -> str:
    """What of ours a mount would hide. Below the workspace there is room for caches; below `/kelos` nothing is free."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    mounted = "/" + "/".join(parts)
    if mounted.startswith("/kelos/"):
        return "/kelos"
    return next((place for place in ours if place == mounted or place.startswith(mounted.rstrip("/") + "/")), "")


def _container_name(name: str) -> str | None:
    if not name:
        return "must not be empty"
    if name.startswith(names.RESERVED_PREFIX) or name in names.RESERVED_CONTAINERS:
        reserved = ", ".join(names.RESERVED_CONTAINERS)
        return f"must not start with '{names.RESERVED_PREFIX}' or be one of {reserved}"
    return None


def _volume_name(name: str) -> str | None:
    if not name:
        return "must not be empty"
    if name.startswith(names.RESERVED_PREFIX) or name == names.VOLUME_WORKSPACE:
        return f"must not be '{names.VOLUME_WORKSPACE}' or start with '{names.RESERVED_PREFIX}'"
    return None


def _name(entry: dict[str, Any]) -> str:
    name = entry.get("name")
    return name if isinstance(name, str) else ""
