"""A pod's status from the states of its containers, as a kubelet writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kelos.api.kinds import Manifest
from kelos.local.jobs.moments import stamp
from kelos.local.jobs.pod.conditions import Condition, with_transitions
from kelos.local.jobs.pod.states import Container, Ended, Role, Running, Waiting, should_restart

ADDRESS = "127.0.0.1"
MESSAGES_LIMIT_BYTES = 12 * 1024
"""All termination messages of a pod together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A word about the whole pod that its containers cannot say: `DeadlineExceeded`, `NodeLost`, …"""

    reason: str
    message: str
    is_disruption: bool = False


def build_status(
    pod: Manifest,
    containers: Sequence[Container],
    started_at: datetime,
    now: datetime,
    *,
    verdict: Verdict | None = None,
    is_over: bool = False,
) -> Manifest:
    """The whole status; conditions keep the transition times of the pod's present ones.

    `is_over` says that nothing will run any more: a pod that was stopped before its end has failed then.
    """
    phase = find_phase(pod["spec"], containers)
    if is_over and (verdict is not None or phase not in ("Succeeded", "Failed")):
        phase = "Failed"
    conditions = find_conditions(phase, containers)
    if verdict is not None and verdict.is_disruption:
        disruption = ("DisruptionTarget", "True", "TerminationByKubelet", verdict.message)
        conditions.append(Condition(*disruption))
    old = (pod.get("status") or {}).get("conditions") or ()
    limit = MESSAGES_LIMIT_BYTES // max(len(containers), 1)
    inits = [container for container in containers if container.role is not Role.MAIN]
    mains = [container for container in containers if container.role is Role.MAIN]
    return {
        "phase": phase,
        **({"reason": verdict.reason, "message": verdict.message} if verdict else {}),
        "conditions": with_transitions(conditions, old, now),
        "startTime": stamp(started_at),
        "hostIP": ADDRESS,
        "hostIPs": [{"ip": ADDRESS}],
        "podIP": ADDRESS,
        "podIPs": [{"ip": ADDRESS}],
        **({"initContainerStatuses": [container_status(each, limit) for each in inits]} if inits else {}),
        "containerStatuses": [container_status(each, limit) for each in mains],
    }


def find_phase(spec: Manifest, containers: Sequence[Container]) -> str:
    """Pending until every main container started once; over when none of them will run again."""
    policy = str(spec.get("restartPolicy") or "Always")
    mains = [container for container in containers if container.role is Role.MAIN]
    if policy == "Never" and any(_failed_init(container) for container in containers):
        return "Failed" if _all_over(containers) else "Pending"
    if any(isinstance(each.state, Waiting) and each.last is None for each in mains) or not all(
        is_initialized(each) for each in containers
    ):
        return "Pending"
    ends = [each.state for each in mains if isinstance(each.state, Ended)]
    if (
        len(ends) < len(mains)
        or any(should_restart(policy, Role.MAIN, end) for end in ends)
        or not _all_over(containers)
    ):
        return "Running"
    return "Succeeded" if all(end.succeeded for end in ends) else "Failed"


def find_conditions(phase: str, containers: Sequence[Container]) -> list[Condition]:
    over = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "")
    incomplete = [each.name for each in containers if not is_initialized(each)]
    unready = [each.name for each in containers if each.role is not Role.INIT and not is_ready(each)]
    if incomplete and phase != "Succeeded":
        text = f"containers with incomplete status: [{' '.join(incomplete)}]"
        initialized = Condition("Initialized", "False", "ContainersNotInitialized", text)
    else:
        initialized = Condition("Initialized", "True", "PodCompleted" if phase == "Succeeded" else "")
    if over:
        readiness = ("False", over, "")
    elif unready:
        readiness = ("False", "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    else:
        readiness = ("True", "", "")
    return [
        Condition("PodScheduled", "True"),
        initialized,
        Condition("ContainersReady", *readiness),
        Condition("Ready", *readiness),
    ]


def container_status(container: Container, message_limit: int) -> Manifest:
    running = isinstance(container.state, Running)
    last = {"terminated": _ended(container.last, container.id, message_limit)} if container.last else {}
    is_init = container.role is Role.INIT
    return {
        "name": container.name,
        "image": container.image,
        "imageID": "",
        **({"containerID": container.id} if container.id else {}),
        "restartCount": container.restarts,
        "ready": is_initialized(container) if is_init else running,
        "started": running,
        "state": _state(container, message_limit),
        "lastState": last,
    }


def is_initialized(container: Container) -> bool:
    """Whether the next container may start: init containers have succeeded, sidecars have started."""
    if container.role is Role.INIT:
        return isinstance(container.state, Ended) and container.state.succeeded
    if container.role is Role.SIDECAR:
        return isinstance(container.state, Running) or bool(container.id)
    return True


def is_ready(container: Container) -> bool:
    return isinstance(container.state, Running)


def _failed_init(container: Container) -> bool:
    return container.role is Role.INIT and isinstance(container.state, Ended) and not container.state.succeeded


def _all_over(containers: Sequence[Container]) -> bool:
    return not any(isinstance(each.state, Running) for each in containers)


def _state(container: Container, message_limit: int) -> Manifest:
    state = container.state
    if isinstance(state, Running):
        return {"running": {"startedAt": stamp(state.started_at)}}
    if isinstance(state, Ended):
        return {"terminated": _ended(state, container.id, message_limit)}
    return {"waiting": {"reason": state.reason, **({"message": state.message} if state.message else {})}}


def _ended(ended: Ended, id: str, message_limit: int) -> Manifest:
    message = ended.message.encode()[:message_limit].decode(errors="ignore")
    return {
        "exitCode": ended.exit_code,
        "reason": ended.reason,
        **({"message": message} if message else {}),
        "startedAt": stamp(ended.started_at) if ended.started_at else None,
        "finishedAt": stamp(ended.finished_at) if ended.finished_at else None,
        **({"containerID": id} if id else {}),
    }
