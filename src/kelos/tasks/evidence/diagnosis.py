"""What a pod's state means: one reason, one sentence, one piece of advice. Pure readings of pod facts."""

from __future__ import annotations

from dataclasses import dataclass

from kelos.api import names
from kelos.api.outcome import Outcome
from kelos.api.reasons import EXIT_CODES, Reason
from kelos.tasks.evidence.facts import ContainerFacts, PodFacts

IMAGE_PROBLEMS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
)
CONFIG_PROBLEMS = (
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreStartHookError",
    "PostStartHookError",
)
NODE_ENDED = ("NodeLost", "Terminated", "NodeShutdown")
"""The kubelet's words for pods that end because their node does."""

CANNOT_START = ("StartError", "ContainerCannotRun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """`reason` None means a normal end. `is_problem` marks a start that will not get better by waiting alone."""

    reason: Reason | None
    message: str
    advice: str = ""
    is_problem: bool = False


def why_no_pod(job_name: str, namespace: str, warning: str) -> Diagnosis:
    """Why a Job has no pod; `warning` is the newest complaint of the Job controller."""
    if not warning:
        return Diagnosis(
            reason=Reason.POD_PENDING,
            message=f"Job '{job_name}' has no pod yet",
            advice=f"If that lasts, look at its events: kubectl describe job {job_name} -n {namespace}",
        )
    message = f"Kubernetes cannot create the pod of Job '{job_name}': {warning}"
    if "exceeded quota" in warning:
        return _problem(Reason.POD_PENDING, message, "Wait until others have ended, or raise the namespace's quota")
    if "forbidden" in warning:
        return _problem(Reason.POLICY_DENIED, message, "Change podOverrides so that the namespace's policies allow it")
    return _problem(Reason.POD_PENDING, message, "Correct podOverrides, or create what the message names")


def why_not_started(pod: PodFacts, warning: str = "") -> Diagnosis:
    """Why the agent of this pod does not run yet; `warning` is the newest complaint of Kubernetes about it."""
    for container in (*pod.preparation, pod.agent):
        if container.waiting_reason in IMAGE_PROBLEMS:
            return _problem(
                Reason.IMAGE_PULL,
                f"Container '{container.name}' of pod '{pod.name}' cannot get its image: {_said(container)}",
                "Check the image's name and tag, and imagePullSecrets for a private registry",
            )
        if container.waiting_reason in CONFIG_PROBLEMS:
            secret = "secret" in container.waiting_message.lower()
            return _problem(
                Reason.SECRET_MISSING if secret else Reason.POD_PENDING,
                f"Container '{container.name}' of pod '{pod.name}' cannot be created: {_said(container)}",
                "Create the Secret or key that the message names" if secret else "Check podOverrides",
            )
        if container.waiting_reason == "CrashLoopBackOff":
            return _problem(
                Reason.SETUP_FAILED,
                f"Container '{container.name}' of pod '{pod.name}' ends again and again: {_said(container)}",
                f"Read its log: kubectl logs {pod.name} -c {container.name} -n {pod.namespace} --previous",
            )
    if pod.gate:
        return Diagnosis(reason=Reason.CONCURRENCY_LIMIT, message=f"Pod '{pod.name}' waits for its turn: {pod.gate}")
    if pod.unschedulable:
        return _problem(
            Reason.UNSCHEDULABLE,
            f"Pod '{pod.name}' fits on no node: {pod.unschedulable}",
            "Lower the requests in podOverrides.resources, or add a node",
        )
    if warning:
        missing = any(word in warning.lower() for word in ("secret", "configmap"))
        return _problem(
            Reason.SECRET_MISSING if missing and "secret" in warning.lower() else Reason.POD_PENDING,
            f"Pod '{pod.name}' does not start: {warning}",
            "Create what the message names" if missing else "Look at the node and at podOverrides",
        )
    if any(container.has_started for container in pod.preparation):
        return Diagnosis(reason=Reason.INITIALIZING, message=f"Pod '{pod.name}' prepares the workspace")
    return Diagnosis(reason=Reason.POD_PENDING, message=f"Pod '{pod.name}' is being started")


def why_ended(pod: PodFacts, outcome: Outcome | None) -> Diagnosis:
    """What the end of this pod means. The kernel's and the kubelet's word goes before the agent's."""
    for judge in (_killed_by_kubernetes, _preparation_failed, _cannot_start, _never_started, _told_by_runner):
        if (found := judge(pod, outcome)) is not None:
            return found
    return _by_exit_code(pod)


def _killed_by_kubernetes(pod: PodFacts, outcome: Outcome | None) -> Diagnosis | None:
    if outcome is not None and outcome.is_success and pod.agent.exit_code == 0:
        return None
    for container in (*pod.preparation, pod.agent):
        if container.ended_because == "OOMKilled":
            return Diagnosis(
                reason=Reason.OOM_KILLED,
                message=f"Container '{container.name}' of pod '{pod.name}' used more memory than its limit",
                advice="Raise podOverrides.resources.limits.memory",
            )
    if pod.reason == "DeadlineExceeded":
        return Diagnosis(
            reason=Reason.DEADLINE_EXCEEDED,
            message=f"Pod '{pod.name}' ran longer than its deadline",
            advice="Raise the timeout, or give the agent a smaller job",
        )
    if pod.reason in NODE_ENDED:
        return _lost(f"Pod '{pod.name}' was lost: {pod.message or 'its node is gone'}")
    if pod.reason == "Evicted" or pod.is_disrupted:
        said = pod.message.strip() or pod.disruption or "the node needed its resources"
        return Diagnosis(
            reason=Reason.EVICTED, message=f"Pod '{pod.name}' was evicted: {said}", advice=_about_eviction(said)
        )
    if pod.reason:  # the kubelet's word for a pod it refused or dropped: NodeShutdown, OutOfcpu, NodeAffinity, …
        said = f"{pod.reason}: {pod.message}" if pod.message else pod.reason
        return _lost(f"The node did not keep pod '{pod.name}' ({said})")
    if outcome is None and any(c.ended_because == "ContainerStatusUnknown" for c in (*pod.preparation, pod.agent)):
        return _lost(f"The node does not know what became of the containers of pod '{pod.name}'")
    return None


def _preparation_failed(pod: PodFacts, outcome: Outcome | None) -> Diagnosis | None:
    failed = next((c for c in pod.preparation if c.exit_code not in (None, 0) and not pod.agent.has_started), None)
    if failed is None:
        return None
    if outcome is not None and outcome.reason is not None:
        return Diagnosis(reason=outcome.reason, message=outcome.message)
    is_ours = failed.name == names.CONTAINER_PREPARE
    fallback = Reason.CLONE_FAILED if is_ours else Reason.SETUP_FAILED
    reason = EXIT_CODES.get(failed.exit_code or 0, fallback) if is_ours else fallback
    return Diagnosis(
        reason=reason,
        message=f"Container '{failed.name}' of pod '{pod.name}' {_ended(failed)} before the agent started",
        advice=f"Read its log: kubectl logs {pod.name} -c {failed.name} -n {pod.namespace}",
    )


def _cannot_start(pod: PodFacts, outcome: Outcome | None) -> Diagnosis | None:
    agent = pod.agent
    if agent.ended_because not in CANNOT_START:
        return None
    said = " ".join(agent.termination_message.split())[:500] or f"exit code {agent.exit_code}"
    return Diagnosis(
        reason=Reason.SETUP_FAILED,
        message=f"Container '{agent.name}' of pod '{pod.name}' cannot be started: {said}",
        advice=f"Use an image that has {names.ENTRYPOINT} and runs on the node's architecture",
    )


def _never_started(pod: PodFacts, outcome: Outcome | None) -> Diagnosis | None:
    if pod.agent.has_started or pod.agent.has_ended:
        return None
    start = why_not_started(pod)
    if start.is_problem:
        return start
    return Diagnosis(
        reason=Reason.EVICTED,
        message=f"Pod '{pod.name}' was deleted before the agent started",
        advice="Run the Task again",
    )


def _told_by_runner(pod: PodFacts, outcome: Outcome | None) -> Diagnosis | None:
    if outcome is None:
        return None
    if outcome.reason is not None:
        return Diagnosis(reason=outcome.reason, message=outcome.message or "The agent did not end normally")
    if pod.agent.exit_code == 0:
        return Diagnosis(reason=None, message=outcome.message or "The agent ended normally")
    return None


def _by_exit_code(pod: PodFacts) -> Diagnosis:
    agent = pod.agent
    if agent.exit_code is None:
        return _lost(f"Nobody knows how container '{agent.name}' of pod '{pod.name}' ended")
    if agent.exit_code == 0:
        return Diagnosis(reason=None, message="The agent's container ended normally; it reported no outcome")
    return Diagnosis(
        reason=EXIT_CODES.get(agent.exit_code, Reason.AGENT_ERROR),
        message=f"Container '{agent.name}' of pod '{pod.name}' {_ended(agent)} and reported no outcome",
        advice=f"Read its log: kubectl logs {pod.name} -c {agent.name} -n {pod.namespace}",
    )


def _lost(message: str) -> Diagnosis:
    return Diagnosis(reason=Reason.EVICTED, message=message, advice="Look at the node, then run the Task again")


def _ended(container: ContainerFacts) -> str:
    if container.exit_code is not None and container.exit_code > 128:
        return f"was killed by signal {container.exit_code - 128}"
    return f"ended with exit code {container.exit_code}"


def _about_eviction(said: str) -> str:
    """A pod that went over a limit of its own is not helped by room on the node."""
    if "EmptyDir volume" in said and "exceeds the limit" in said:
        return "Give the agent a smaller job, or raise the limit of the volume that the message names"
    if "ephemeral" in said and ("exceeds the total limit" in said or "exceeded its local" in said):
        return "Raise ephemeral-storage in podOverrides.resources.limits, or give the agent a smaller job"
    return "Set requests in podOverrides.resources so that the node keeps room for it"


def _said(container: ContainerFacts) -> str:
    return container.waiting_message or container.waiting_reason


def _problem(reason: Reason, message: str, advice: str) -> Diagnosis:
    return Diagnosis(reason=reason, message=message, advice=advice, is_problem=True)
