"""What the end of a pod means. The kernel's word first, then the agent's own, then what Kubernetes did to the pod."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from kelos.api import names
from kelos.api.reasons import EXIT_CODES, Reason
from kelos.tasks.evidence import losses
from kelos.tasks.evidence.container import OUT_OF_MEMORY, ContainerFacts
from kelos.tasks.evidence.diagnosis import Diagnosis, Fault, fault_of
from kelos.tasks.evidence.end import End
from kelos.tasks.evidence.facts import one_line
from kelos.tasks.evidence.starting import setting_of, why_not_started

CANNOT_START = ("StartError", "ContainerCannotRun")

_WRONG_PROGRAM = re.compile(r"(?m)^exec (\S{1,200}): exec format error\s*\Z")


def why_ended(end: End) -> Diagnosis:
    """What the end of this pod means, and whose fault it is."""
    for judge in _JUDGES:
        if (found := judge(end)) is not None:
            return _with_sidecars(end, found)
    return _with_sidecars(end, _by_exit_code(end))


def _ended_well(end: End) -> Diagnosis | None:
    if end.outcome is None or not end.outcome.is_success or end.agent.exit_code != 0:
        return None
    return Diagnosis(reason=None, message=end.outcome.message or "The agent ended normally")


def _out_of_memory(end: End) -> Diagnosis | None:
    """Whatever the agent makes of it. A refused key stays a refused key though a child of the agent was killed."""
    told = end.outcome.reason if end.outcome is not None else None
    if told is not None and fault_of(told) is not Fault.AGENT:
        return None
    killed = (c for c in end.pod.containers if c.ended_because == OUT_OF_MEMORY and not c.is_sidecar)
    if (container := next(killed, None)) is None:
        return None
    limit = container.memory_limit
    used = f"used more memory than its limit of {limit}" if limit else "was killed because its node had no memory left"
    field = f"{'limits' if limit else 'requests'}.memory"
    return Diagnosis(
        reason=Reason.OOM_KILLED,
        message=f"{end.container(container)} {used}",
        advice=f"Raise {field} of {setting_of(container)}" if limit else f"Set {field} of {setting_of(container)}",
    )


def _told_by_agent(end: End) -> Diagnosis | None:
    """The agent ended by itself, whatever happened to its pod afterwards."""
    told = end.outcome
    if told is None or told.reason in (None, Reason.CANCELLED) or not end.agent.has_started:
        return None
    return Diagnosis(
        reason=told.reason, message=told.message or "The agent did not end normally", fault=fault_of(told.reason)
    )


def _preparation_failed(end: End) -> Diagnosis | None:
    failed = end.failed_before
    if failed is None:
        return None
    if end.outcome is not None and end.outcome.reason is not None:
        return Diagnosis(reason=end.outcome.reason, message=end.outcome.message)
    is_ours = failed.name == names.CONTAINER_PREPARE
    if failed.ended_because in CANNOT_START:
        return _cannot_be_started(end, failed, "an image that has this program")
    fallback = Reason.CLONE_FAILED if is_ours else Reason.SETUP_FAILED
    return Diagnosis(
        reason=EXIT_CODES.get(failed.exit_code or 0, fallback) if is_ours else fallback,
        message=f"{end.container(failed)} {_ended(failed)} before the agent started",
        advice=end.log_of(failed),
    )


def _cannot_start(end: End) -> Diagnosis | None:
    if end.agent.ended_because not in CANNOT_START:
        return None
    return _cannot_be_started(end, end.agent, f"an image that has {names.ENTRYPOINT}")


def _cannot_be_started(end: End, container: ContainerFacts, what: str) -> Diagnosis:
    said = one_line(container.termination_message) or f"exit code {container.exit_code}"
    return Diagnosis(
        reason=Reason.SETUP_FAILED,
        message=f"{end.container(container)} cannot be started: {said}",
        advice=f"Use {what} and runs on the node's architecture",
    )


def _never_started(end: End) -> Diagnosis | None:
    if end.agent.has_started:
        return None
    start = why_not_started(end.pod)
    if start.is_problem:
        return start
    if end.was_stopped:
        message = f"Pod '{end.pod.name}' was stopped before the agent started"
        return end.stop or Diagnosis(reason=Reason.CANCELLED, message=message)
    return Diagnosis(
        reason=Reason.EVICTED,
        message=f"Pod '{end.pod.name}' was deleted before the agent started",
        advice="Run the Task again",
        fault=Fault.INFRASTRUCTURE,
    )


def _told_by_runner(end: End) -> Diagnosis | None:
    if end.outcome is None or end.outcome.reason is None:
        return None
    return Diagnosis(reason=end.outcome.reason, message=end.outcome.message or "The agent did not end normally")


def _wrong_program(end: End) -> Diagnosis | None:
    if end.outcome is not None or not end.agent.exit_code or not (found := _WRONG_PROGRAM.search(end.log)):
        return None
    return Diagnosis(
        reason=Reason.SETUP_FAILED,
        message=f"{end.container(end.agent)} cannot run {found[1]}: it is for another architecture, or no program",
        advice="Use an image for the node's architecture, or choose nodes by kubernetes.io/arch in nodeSelector",
    )


def _by_exit_code(end: End) -> Diagnosis:
    agent = end.agent
    if agent.exit_code is None:
        said = f"Nobody knows how container '{agent.name}' of pod '{end.pod.name}' ended"
        return replace(losses.lost(said), fault=Fault.TASK)
    if agent.exit_code == 0:
        return Diagnosis(reason=None, message="The agent's container ended normally; it reported no outcome")
    reason = EXIT_CODES.get(agent.exit_code, Reason.AGENT_ERROR)
    return Diagnosis(
        reason=reason,
        message=f"{end.container(agent)} {_ended(agent)} and reported no outcome",
        advice=end.log_of(agent),
        fault=fault_of(reason),
    )


Judge = Callable[[End], Diagnosis | None]
# The order is the specification.
_JUDGES: tuple[Judge, ...] = (
    _ended_well,
    _out_of_memory,
    _told_by_agent,
    losses.pod_deadline,
    losses.node_ended,
    losses.evicted,
    losses.refused_by_node,
    losses.forgotten,
    losses.deleted,
    _preparation_failed,
    _cannot_start,
    _never_started,
    _told_by_runner,
    _wrong_program,
)


def _with_sidecars(end: End, found: Diagnosis) -> Diagnosis:
    """An agent that failed may have failed for a sidecar that was killed under it."""
    killed = next((c.name for c in end.pod.preparation if c.is_sidecar and c.ran_out_of_memory), None)
    if found.fault is not Fault.AGENT or killed is None:
        return found
    hint = f"Sidecar '{killed}' ran out of memory meanwhile: raise its memory limit"
    return replace(found, advice=f"{found.advice}. {hint}" if found.advice else hint)


def _ended(container: ContainerFacts) -> str:
    if container.exit_code is not None and container.exit_code > 128 and container.exit_code != 255:
        return f"was killed by signal {container.exit_code - 128}"
    return f"ended with exit code {container.exit_code}"
