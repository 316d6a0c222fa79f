"""What Kubernetes or a person did to a pod, whatever the agent was doing."""

from __future__ import annotations

from dataclasses import replace

from kelos.api.outcome import Outcome
from kelos.api.reasons import Reason, exit_code_of
from kelos.tasks.evidence.advice import EVICTION, advice
from kelos.tasks.evidence.container import STATUS_UNKNOWN, ContainerFacts
from kelos.tasks.evidence.diagnosis import Diagnosis, Fault
from kelos.tasks.evidence.end import End
from kelos.tasks.evidence.facts import one_line

NODE_ENDED = ("NodeLost", "Terminated", "NodeShutdown")
"""The kubelet's words for pods that end because their node does."""
NODE_HAD_NO_ROOM = (
    "NodeAffinity",
    "TaintToleration",
    "NodePorts",
    "VolumeAttachmentLimitExceeded",
    "TopologyAffinityError",
    "UnexpectedAdmissionError",
    "InvalidNodeInfo",
)
"""And, besides `OutOf…`, for pods that it refuses although the scheduler chose it: another try goes elsewhere."""
NODE_CANNOT = (
    "SysctlForbidden",
    "AppArmor",
    "SMTAlignmentError",
    "PodFeatureUnsupported",
    "PodLevelResourcesNotSupported",
    "SupplementalGroupsPolicyNotSupported",
    "PodOSNotSupported",
    "PodOSSelectorNodeLabelDoesNotMatch",
)
NODE_PRESSURE = ("The node was low on resource", "The node had condition")
ASKED_TO_END = (128 + 9, 128 + 15, exit_code_of(Reason.CANCELLED))


def pod_deadline(end: End) -> Diagnosis | None:
    if end.pod.reason != "DeadlineExceeded":
        return None
    return Diagnosis(
        reason=Reason.DEADLINE_EXCEEDED,
        message=f"Pod '{end.pod.name}' ran longer than its deadline",
        advice="Raise the timeout, or give the agent a smaller job",
    )


def node_ended(end: End) -> Diagnosis | None:
    if end.pod.reason not in NODE_ENDED:
        return None
    return lost(f"Pod '{end.pod.name}' was lost: {one_line(end.pod.message) or 'its node is gone'}")


def evicted(end: End) -> Diagnosis | None:
    pod = end.pod
    if pod.reason != "Evicted" and not pod.is_disrupted:
        return None
    said = one_line(pod.message) or one_line(pod.disruption) or "the node needed its resources"
    # Nobody is disrupted who went over a limit of his own: he would again.
    is_ours = pod.is_disrupted or any(words in said for words in NODE_PRESSURE)
    return Diagnosis(
        reason=Reason.EVICTED,
        message=f"Pod '{pod.name}' was evicted: {said}",
        advice=advice(EVICTION, said),
        fault=Fault.INFRASTRUCTURE if is_ours else Fault.TASK,
    )


def refused_by_node(end: End) -> Diagnosis | None:
    pod = end.pod
    if not pod.reason:
        return None
    said = f"{pod.reason}: {one_line(pod.message)}" if pod.message else pod.reason
    if pod.reason in NODE_CANNOT:
        return Diagnosis(
            reason=Reason.INVALID_SPEC,
            message=f"The node cannot run pod '{pod.name}' ({said})",
            advice="Take what it names out of podOverrides, or choose other nodes with podOverrides.nodeSelector",
        )
    found = lost(f"The node did not keep pod '{pod.name}' ({said})")
    had_no_room = pod.reason.startswith("OutOf") or pod.reason in NODE_HAD_NO_ROOM
    return found if had_no_room else replace(found, fault=Fault.TASK)


def forgotten(end: End) -> Diagnosis | None:
    if end.outcome is not None or not any(c.ended_because == STATUS_UNKNOWN for c in end.pod.containers):
        return None
    return lost(f"The node does not know what became of the containers of pod '{end.pod.name}'")


def deleted(end: End) -> Diagnosis | None:
    """Somebody deleted the pod: not we, and not Kubernetes, which says so."""
    if not end.pod.is_being_deleted or end.was_stopped or not end.pod.has_run or end.agent.exit_code == 0:
        return None
    last = end.agent if end.agent.has_started else end.failed_before
    if last is not None and not _was_asked_to_end(last, end.outcome):
        return None
    when = "while the agent ran" if end.agent.has_started else "before the agent started"
    return Diagnosis(
        reason=Reason.EVICTED,
        message=f"Pod '{end.pod.name}' was deleted {when}",
        advice="Find out who deletes pods in this namespace, then create the Task again",
    )


def _was_asked_to_end(container: ContainerFacts, outcome: Outcome | None) -> bool:
    if outcome is not None:
        return outcome.reason is Reason.CANCELLED
    return container.exit_code in ASKED_TO_END


def lost(message: str) -> Diagnosis:
    """The cluster lost a pod that had done nothing wrong."""
    advice = "Look at the node, then run the Task again"
    return Diagnosis(reason=Reason.EVICTED, message=message, advice=advice, fault=Fault.INFRASTRUCTURE)
