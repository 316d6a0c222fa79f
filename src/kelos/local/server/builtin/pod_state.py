"""One word for what a pod is doing, as the column that people read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.server.ages import age, parse_time


def ready(pod: Manifest) -> str:
    """Ready containers of all, native sidecars included."""
    statuses = _statuses(pod, "containerStatuses")
    sidecars = {
        each["name"] for each in pod["spec"].get("initContainers") or () if each.get("restartPolicy") == "Always"
    }
    helpers = [each for each in _statuses(pod, "initContainerStatuses") if each.get("name") in sidecars]
    total = len(pod["spec"].get("containers") or ()) + len(sidecars)
    return f"{sum(bool(each.get('ready')) for each in (*statuses, *helpers))}/{total}"


def restarts(pod: Manifest, now: datetime) -> str:
    """How often containers were started again, and when last."""
    statuses = [*_statuses(pod, "initContainerStatuses"), *_statuses(pod, "containerStatuses")]
    count = sum(int(each.get("restartCount", 0)) for each in statuses)
    ends = [((each.get("lastState") or {}).get("terminated") or {}).get("finishedAt") for each in statuses]
    last = max((str(text) for text in ends if parse_time(text)), default=None)
    return f"{count} ({age(last, now)} ago)" if count and last else str(count)


def state(pod: Manifest) -> str:
    """The phase, or what keeps the pod from running."""
    status = pod.get("status") or {}
    words = _initializing(pod) or _container_reason(pod) or status.get("reason") or status.get("phase") or "Unknown"
    if pod["metadata"].get("deletionTimestamp") and status.get("phase") not in ("Succeeded", "Failed"):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return str(words)


def _initializing(pod: Manifest) -> str:
    statuses = _statuses(pod, "initContainerStatuses")
    specs = {each["name"]: each for each in pod["spec"].get("initContainers") or ()}
    for at, each in enumerate(statuses):
        state: dict[str, Any] = each.get("state") or {}
        is_sidecar = specs.get(each.get("name"), {}).get("restartPolicy") == "Always"
        if (state.get("terminated") or {}).get("exitCode") == 0 or (is_sidecar and each.get("started")):
            continue
        if terminated := state.get("terminated"):
            return f"Init:{terminated.get('reason') or _ended(terminated)}"
        waiting = (state.get("waiting") or {}).get("reason")
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}"
        return f"Init:{at}/{len(specs)}"
    return ""


def _container_reason(pod: Manifest) -> str:
    words, is_running = "", False
    for each in reversed(_statuses(pod, "containerStatuses")):
        state: dict[str, Any] = each.get("state") or {}
        if waiting := (state.get("waiting") or {}).get("reason"):
            words = str(waiting)
        elif terminated := state.get("terminated"):
            words = str(terminated.get("reason") or _ended(terminated))
        elif each.get("ready") and "running" in state:
            is_running = True
    return "Running" if is_running and words == "Completed" else words


def _ended(terminated: Manifest) -> str:
    return f"Signal:{terminated['signal']}" if terminated.get("signal") else f"ExitCode:{terminated.get('exitCode')}"


def _statuses(pod: Manifest, field: str) -> list[Manifest]:
    return [each for each in (pod.get("status") or {}).get(field) or () if isinstance(each, dict)]
