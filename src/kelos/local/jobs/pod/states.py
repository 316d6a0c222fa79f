"""What a container is doing, as values that status and lifecycle share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from kelos.api.kinds import Manifest


class Role(Enum):
    """INIT runs to its end before the next starts; a SIDECAR starts there too and lives as long as the MAIN ones."""

    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"


class ConfigError(Exception):
    """A container cannot be started yet: something that its specification names is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """`started_at` is None when the container never ran."""

    exit_code: int
    reason: str
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0


State = Waiting | Running | Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container's past and present. `id` is that of its newest run, empty before the first."""

    name: str
    image: str
    role: Role
    state: State
    last: Ended | None = None
    restarts: int = 0
    id: str = ""

    def now(self, state: State) -> Container:
        return replace(self, state=state)

    def waits_again(self, waiting: Waiting) -> Container:
        """Between two runs: how the former ended is kept."""
        ended = self.state if isinstance(self.state, Ended) else self.last
        return replace(self, state=waiting, last=ended)

    def runs(self, id: str, started_at: datetime) -> Container:
        """A new run; every one after the first is a restart."""
        ended = self.state if isinstance(self.state, Ended) else self.last
        again = 1 if ended is not None else 0
        state = Running(started_at=started_at)
        return replace(self, state=state, last=ended, id=id, restarts=self.restarts + again)


def role_of(container: Manifest, *, is_init: bool) -> Role:
    if not is_init:
        return Role.MAIN
    return Role.SIDECAR if container.get("restartPolicy") == "Always" else Role.INIT


def first_states(spec: Manifest) -> tuple[Container, ...]:
    """All containers of a pod before anything started: init containers first, in order."""
    inits, mains = spec.get("initContainers") or (), spec["containers"]
    reason = "PodInitializing" if inits else "ContainerCreating"
    return (
        *(_first(container, role_of(container, is_init=True), reason) for container in inits),
        *(_first(container, Role.MAIN, reason) for container in mains),
    )


def _first(container: Manifest, role: Role, reason: str) -> Container:
    return Container(name=container["name"], image=container.get("image", ""), role=role, state=Waiting(reason=reason))


def should_restart(restart_policy: str, role: Role, ended: Ended) -> bool:
    """Whether a container that ended is started again."""
    if role is Role.SIDECAR:
        return True
    if role is Role.INIT:
        return restart_policy != "Never" and not ended.succeeded
    return restart_policy == "Always" or (restart_policy == "OnFailure" and not ended.succeeded)


LOST = Ended(
    exit_code=137,
    reason="ContainerStatusUnknown",
    message="The container could not be located when the pod was terminated",
)


def after_the_stop(containers: Sequence[Container]) -> tuple[Container, ...]:
    """The states once nothing runs: what has no end is lost, unless a failed init container kept it from starting."""
    inits = [each for each in containers if each.role is Role.INIT]
    if not all(isinstance(each.state, Ended) and each.state.succeeded for each in inits):
        return tuple(_over(each) if isinstance(each.state, Running) or each.last else each for each in containers)
    return tuple(_over(each) for each in containers)


def _over(container: Container) -> Container:
    if isinstance(container.state, Ended):
        return container
    return replace(container, state=container.last or LOST, last=None)
