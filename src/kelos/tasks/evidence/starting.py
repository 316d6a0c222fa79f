"""Why an agent does not run yet. Pure readings of pod facts and of what Kubernetes complains about."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from kelos.api import names
from kelos.api.reasons import Reason
from kelos.tasks.evidence.advice import CREATING, IMAGE, PLACING, REFUSAL, advice
from kelos.tasks.evidence.container import OUT_OF_MEMORY, ContainerFacts
from kelos.tasks.evidence.diagnosis import Diagnosis, problem
from kelos.tasks.evidence.facts import Complaint, PodFacts, one_line

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
BEFORE_CONTAINERS = (
    "FailedMount",
    "FailedAttachVolume",
    "FailedMapVolume",
    "FailedMountOnFilesystemMismatch",
    "FailedPrepareDynamicResources",
    "FailedCreatePodSandBox",
    "NetworkNotReady",
)
"""Complaints that only events know, about what comes before the first container: old news once one has started."""

_SECRET = re.compile(
    r'secrets? "[^"]+" not found|find key \S+ in Secret |references non-existent secret key|secret .*does not exist'
)
_CONFIG_MAP = re.compile(r'configmaps? "[^"]+" not found|find key \S+ in ConfigMap |references non-existent config key')
_SUMMARY = "nable to attach or mount volumes"
"""The kubelet's second sentence about a volume: it says that one is missing, and not why."""


def why_no_pod(
    job_name: str, namespace: str, complaints: Sequence[Complaint] = (), *, had_pods: bool = False
) -> Diagnosis:
    """Why a Job has no pod, or no further one; the newest complaint comes first."""
    if not complaints:
        return Diagnosis(
            reason=Reason.POD_PENDING,
            message=f"Job '{job_name}' has no {'next ' if had_pods else ''}pod yet",
            advice=f"If that lasts, look at its events: kubectl describe job {job_name} -n {namespace}",
        )
    said = complaints[0].message.removeprefix("Error creating: ")
    message = f"Kubernetes cannot create the pod of Job '{job_name}': {said}"
    if "exceeded quota" in said:
        return problem(Reason.POD_PENDING, message, "Wait until others have ended, or raise the namespace's quota")
    if "looking up service account" in said:
        remedy = "Create the ServiceAccount, or correct podOverrides.serviceAccountName"
        return problem(Reason.POD_PENDING, message, remedy)
    if "failed calling webhook" in said:
        return problem(Reason.POD_PENDING, message, "Ask who runs that webhook: nothing is created while it is down")
    if "being terminated" in said:
        return problem(Reason.POD_PENDING, message, f"Namespace '{namespace}' is being deleted: use another")
    if "forbidden" in said or "denied the request" in said:
        return problem(Reason.POLICY_DENIED, message, advice(REFUSAL, said))
    return problem(Reason.POD_PENDING, message, "Correct podOverrides, or create what the message names")


def why_not_started(pod: PodFacts, complaints: Sequence[Complaint] = ()) -> Diagnosis:
    """Why the agent of this pod does not run yet; the newest complaint about it comes first."""
    for look in _LOOKS:
        if (found := look(pod, complaints)) is not None:
            return found
    if not pod.has_run:
        return Diagnosis(reason=Reason.POD_PENDING, message=f"Pod '{pod.name}' is being started")
    waiting = next((c for c in pod.preparation if c.is_sidecar and c.has_started and not c.is_ready), None)
    doing = f"waits for its sidecar '{waiting.name}'" if waiting is not None else "prepares the workspace"
    return Diagnosis(reason=Reason.INITIALIZING, message=f"Pod '{pod.name}' {doing}")


def _image(pod: PodFacts, complaints: Sequence[Complaint]) -> Diagnosis | None:
    for container in pod.containers:
        if container.waiting_reason not in IMAGE_PROBLEMS:
            continue
        said = _said(container)
        is_vague = said.startswith("Back-off pulling image") and ": " not in said
        if is_vague:
            said = next((c.message for c in complaints if _is_about_the_pull(c, said)), said)
        remedy = advice(IMAGE, f"{container.waiting_reason} {said}")
        if hint := next((c.message for c in complaints if c.reason == "FailedToRetrieveImagePullSecret"), ""):
            remedy = f"{remedy}. Kubernetes also says: {hint}"
        return problem(
            Reason.IMAGE_PULL,
            f"Container '{container.name}' of pod '{pod.name}' cannot get its image: {said}",
            remedy,
            is_vague=is_vague,
        )
    return None


def _is_about_the_pull(complaint: Complaint, back_off: str) -> bool:
    image = back_off.removeprefix("Back-off pulling image ")
    return complaint.reason == "Failed" and complaint.message.startswith(f"Failed to pull image {image}:")


def _container(pod: PodFacts, complaints: Sequence[Complaint]) -> Diagnosis | None:
    for container in pod.containers:
        where = f"Container '{container.name}' of pod '{pod.name}'"
        if container.waiting_reason in CONFIG_PROBLEMS:
            return _about_a_reference(f"{where} cannot be created", _said(container)) or problem(
                Reason.POD_PENDING,
                f"{where} cannot be created: {_said(container)}",
                advice(CREATING, container.waiting_message),
            )
        if container.waiting_reason == "CrashLoopBackOff":
            return _crash_loop(pod, container, where)
    return None


def _crash_loop(pod: PodFacts, container: ContainerFacts, where: str) -> Diagnosis:
    if container.ended_before_because == OUT_OF_MEMORY:
        return problem(
            Reason.OOM_KILLED,
            f"{where} uses more memory than its limit, again and again",
            f"Raise limits.memory of {setting_of(container)}",
        )
    log = f"kubectl logs {pod.name} -c {container.name} -n {pod.namespace} --previous"
    return problem(Reason.SETUP_FAILED, f"{where} ends again and again: {_said(container)}", f"Read its log: {log}")


def _gate(pod: PodFacts, _: Sequence[Complaint]) -> Diagnosis | None:
    if not pod.gate:
        return None
    return Diagnosis(reason=Reason.CONCURRENCY_LIMIT, message=f"Pod '{pod.name}' waits for its turn: {pod.gate}")


def _placing(pod: PodFacts, complaints: Sequence[Complaint]) -> Diagnosis | None:
    """The scheduler writes an event and a condition, in no order; a pod with a node is past both."""
    if pod.node:
        return None
    event = next((c.message for c in complaints if c.reason == "FailedScheduling"), "")
    said = pod.unschedulable or event
    if not said:
        return None
    # What follows says that other pods would not help either.
    said = said.partition(" preemption: ")[0].rstrip(".")
    return problem(Reason.UNSCHEDULABLE, f"Pod '{pod.name}' fits on no node: {said}", advice(PLACING, said))


def _before_containers(pod: PodFacts, complaints: Sequence[Complaint]) -> Diagnosis | None:
    if pod.has_run:
        return None
    about = [c for c in complaints if c.reason in BEFORE_CONTAINERS and "not registered" not in c.message]
    if not about:
        return None
    newest = about[0]
    telling = next((c for c in about if c.reason == newest.reason and _SUMMARY not in c.message), newest)
    start = f"Pod '{pod.name}' does not start"
    return _about_a_reference(start, telling.message) or problem(
        Reason.POD_PENDING, f"{start}: {telling.message}", _about_the_node(telling)
    )


def _about_the_node(complaint: Complaint) -> str:
    if complaint.reason in ("FailedCreatePodSandBox", "NetworkNotReady"):
        return "Look at the node: its container runtime or network is not in order"
    if "Multi-Attach" in complaint.message:
        return "The volume is still in use on another node: wait, or end the pod that uses it"
    return "Look at the volume that the message names"


def _startup_probe(pod: PodFacts, complaints: Sequence[Complaint]) -> Diagnosis | None:
    sidecar = next((c for c in pod.preparation if c.is_sidecar and c.has_started and not c.is_ready), None)
    failing = next((c for c in complaints if c.message.startswith("Startup probe ")), None)
    if sidecar is None or failing is None:
        return None
    return problem(
        Reason.SETUP_FAILED,
        f"Sidecar '{sidecar.name}' of pod '{pod.name}' is not ready: {failing.message}",
        f"Read its log: kubectl logs {pod.name} -c {sidecar.name} -n {pod.namespace}",
    )


Look = Callable[[PodFacts, Sequence[Complaint]], Diagnosis | None]
# The order is the specification: what a container says itself goes before what events say about the pod.
_LOOKS: tuple[Look, ...] = (_image, _container, _gate, _placing, _before_containers, _startup_probe)


def _about_a_reference(start: str, said: str) -> Diagnosis | None:
    """A Secret or ConfigMap that is not there, or lacks a key."""
    if _SECRET.search(said):
        return problem(Reason.SECRET_MISSING, f"{start}: {said}", "Create the Secret or key that the message names")
    if _CONFIG_MAP.search(said):
        return problem(Reason.POD_PENDING, f"{start}: {said}", "Create the ConfigMap or key that the message names")
    return None


def setting_of(container: ContainerFacts) -> str:
    """Where the resources of a container are set."""
    ours = {names.CONTAINER_AGENT: "podOverrides.resources", names.CONTAINER_PREPARE: "the installation's git-clone"}
    return ours.get(container.name, f"container '{container.name}' in podOverrides")


def _said(container: ContainerFacts) -> str:
    return one_line(container.waiting_message) or container.waiting_reason
