"""One container of a pod, as the pod's status tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kelos.api.conditions import moment

OUT_OF_MEMORY = "OOMKilled"
STATUS_UNKNOWN = "ContainerStatusUnknown"
"""The kubelet's word for a container that vanished, and at the end of a pod also for one that never started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """One container of a pod. `exit_code` is None until it ended."""

    name: str
    has_started: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    signal: int | None = None
    ended_because: str = ""
    termination_message: str = ""
    waiting_reason: str = ""
    waiting_message: str = ""
    is_sidecar: bool = False
    """It runs next to the agent, is started again when it ends, and ends with it: its end says nothing."""
    is_ready: bool = False
    """A sidecar that passed its startup probe."""
    memory_limit: str = ""
    ended_before_because: str = ""
    """Why the run before this one ended, for containers that are started again."""

    @property
    def ran_out_of_memory(self) -> bool:
        return OUT_OF_MEMORY in (self.ended_because, self.ended_before_because)

    @property
    def has_ended(self) -> bool:
        return self.exit_code is not None


def read_container(status: Mapping[str, Any], spec: Mapping[str, Any] | None = None) -> ContainerFacts:
    spec, limits = spec or {}, ((spec or {}).get("resources") or {}).get("limits") or {}
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated") or {}
    waiting, running, ended = state.get("waiting") or {}, state.get("running"), state.get("terminated")
    if ended and ended.get("reason") == STATUS_UNKNOWN and not _has_ever_run(status):
        ended = None
    begun: Mapping[str, Any] = ended or running or {}
    return ContainerFacts(
        name=str(status["name"]),
        has_started=running is not None or ended is not None,
        started_at=moment(begun.get("startedAt")),
        finished_at=moment(begun.get("finishedAt")),
        exit_code=int(ended.get("exitCode", -1)) if ended else None,
        signal=ended.get("signal") if ended else None,
        ended_because=str(ended.get("reason") or "") if ended else "",
        termination_message=str(ended.get("message") or "") if ended else "",
        waiting_reason=str(waiting.get("reason") or ""),
        waiting_message=str(waiting.get("message") or ""),
        is_sidecar=spec.get("restartPolicy") == "Always",
        is_ready=bool(status.get("started")),
        memory_limit=str(limits.get("memory") or ""),
        ended_before_because=str(last.get("reason") or ""),
    )


def _has_ever_run(status: Mapping[str, Any]) -> bool:
    """Whether a container of which nobody knows the end has left a trace of a beginning."""
    state, last = (status.get("state") or {}).get("terminated") or {}, (status.get("lastState") or {}).get("terminated")
    return bool(state.get("startedAt") or status.get("containerID") or status.get("restartCount") or last)
