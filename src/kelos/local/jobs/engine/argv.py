"""The command lines for docker and podman: only flags that mean the same to both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kelos.api.kinds import Manifest
from kelos.local.jobs.pod.states import ConfigError
from kelos.local.server.builtin.quantities import amount_of

LABEL_PLANE = "kelos.dev/local-plane"
"""Written on every container by the plane that made it, read by that plane when it starts, and by its undertaker."""
LINE_LIMIT_BYTES = 32 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_STEERING = re.compile(
    r"(?i:(ld|dyld|docker|containers?|_containers|podman|buildah|storage|xdg|go|registry|ssl|dbus|listen|notify)_?.*"
    r"|path|home|user|tmpdir|lang|lc_.*|.*_proxy|kubeconfig)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    source: Path
    target: str
    is_read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One container to make."""

    name: str
    plane: str
    image: str
    environment_file: Path
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    directory: str = ""
    binds: tuple[Bind, ...] = ()
    by_name: tuple[str, ...] = ()
    """Variables whose values the client finds in its own environment."""
    security: Manifest = field(default_factory=dict)
    limits: Manifest = field(default_factory=dict)


def create(wanted: Wanted) -> tuple[str, ...]:
    """Make the container; its image is there. No value of a variable is on the command line."""
    entrypoint = ("--entrypoint", wanted.command[0]) if wanted.command else ()
    return (
        *("create", "--name", wanted.name, "--label", f"{LABEL_PLANE}={wanted.plane}"),
        *("--network", "host", "--security-opt", "label=disable"),
        *_security(wanted.security),
        *_limits(wanted.limits),
        *("--env-file", str(wanted.environment_file)),
        *(word for name in wanted.by_name for word in ("--env", name)),
        *(word for bind in wanted.binds for word in ("--volume", _bind(bind))),
        *(("--workdir", wanted.directory) if wanted.directory else ()),
        *entrypoint,
        wanted.image,
        *wanted.command[1:],
        *wanted.args,
    )


def list_of_plane(plane: str) -> tuple[str, ...]:
    """The ids of all containers of a plane, one a line."""
    return ("ps", "--all", "--quiet", "--filter", f"label={LABEL_PLANE}={plane}")


def security_of(pod: Manifest, container: Manifest) -> Manifest:
    """The container's security context over the pod's."""
    return {**(pod["spec"].get("securityContext") or {}), **(container.get("securityContext") or {})}


def split_environment(variables: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The content of the variables' file, and the names of those that a file cannot carry: values of several lines.

    Raises ConfigError for a name that would steer the engine's client when it has to be handed over that way.
    """
    lines, by_name = [], []
    for name, value in variables.items():
        if not _NAME.fullmatch(name):
            raise ConfigError(f"variable {name!r}: its name cannot be handed to a container engine")
        if _fits_line(value):
            lines.append(f"{name}={value}\n")
        elif _STEERING.fullmatch(name):
            raise ConfigError(f"variable {name}: a value of one line without quotes around it is needed")
        else:
            by_name.append(name)
    return "".join(lines), tuple(by_name)


def pull_policy(container: Manifest) -> str:
    """As Kubernetes fills it in: images that may change are asked for each time."""
    image = str(container.get("image") or "")
    last = image.rpartition("/")[2]
    changes = "@" not in last and last.partition(":")[2] in ("", "latest")
    return str(container.get("imagePullPolicy") or ("Always" if changes else "IfNotPresent"))


def _fits_line(value: str) -> bool:
    if value != value.strip() or len(value.encode("utf-8", "surrogateescape")) > LINE_LIMIT_BYTES:
        return False
    return value.isprintable() and value[:1] not in ("'", '"', "`")


def _bind(bind: Bind) -> str:
    if ":" in str(bind.source) or ":" in bind.target:
        raise ConfigError(f"path '{bind.target}' must not contain ':'")
    return f"{bind.source}:{bind.target}" + (":ro" if bind.is_read_only else "")


def _security(context: Manifest) -> tuple[str, ...]:
    user, group = context.get("runAsUser"), context.get("runAsGroup")
    if context.get("runAsNonRoot") and user == 0:
        raise ConfigError("container's runAsUser breaks non-root policy")
    words: list[str] = []
    if user is not None:
        words += ["--user", f"{user}:{group}" if group is not None else str(user)]
    groups = [*(context.get("supplementalGroups") or ()), *([context["fsGroup"]] if "fsGroup" in context else ())]
    words += [word for each in groups for word in ("--group-add", str(each))]
    capabilities = context.get("capabilities") or {}
    words += [word for each in capabilities.get("drop") or () for word in ("--cap-drop", each)]
    words += [word for each in capabilities.get("add") or () for word in ("--cap-add", each)]
    if context.get("allowPrivilegeEscalation") is False:
        words += ["--security-opt", "no-new-privileges"]
    if (context.get("seccompProfile") or {}).get("type") == "Unconfined":
        words += ["--security-opt", "seccomp=unconfined"]
    if context.get("readOnlyRootFilesystem"):
        words += ["--read-only"]
    if context.get("privileged"):
        words += ["--privileged"]
    return tuple(words)


def _limits(limits: Manifest) -> tuple[str, ...]:
    memory, cpu = amount_of(limits.get("memory")), amount_of(limits.get("cpu"))
    return (
        *(("--memory", str(int(memory))) if memory else ()),
        *(("--cpus", f"{cpu:f}") if cpu else ()),
    )
