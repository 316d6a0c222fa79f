"""What pods look like when something is wrong, and the one word people get for it."""

from __future__ import annotations

from typing import Any

import pytest

from kelos.api.kinds import Manifest
from kelos.api.outcome import Outcome
from kelos.api.reasons import Reason
from kelos.outputs.document import decode_document, encode_document
from kelos.tasks.evidence.diagnosis import why_ended, why_no_pod, why_not_started
from kelos.tasks.evidence.facts import read_pod

AT = "2026-02-07T09:00:00Z"


def container(name: str = "kelos-agent", **state: Any) -> Manifest:
    return {"name": name, "image": "x", "imageID": "", "ready": False, "restartCount": 0, "state": state}


def waiting(reason: str, message: str = "", name: str = "kelos-agent") -> Manifest:
    return container(name, waiting={"reason": reason, "message": message})


def running(name: str = "kelos-agent") -> Manifest:
    return container(name, running={"startedAt": AT})


def ended(code: int, reason: str = "", message: str = "", name: str = "kelos-agent") -> Manifest:
    state = {"exitCode": code, "reason": reason or ("Error" if code else "Completed"), "message": message}
    return container(name, terminated={**state, "startedAt": AT, "finishedAt": AT})


def condition(type: str, status: str = "True", **words: str) -> Manifest:
    return {"type": type, "status": status, "lastTransitionTime": AT, **words}


def pod(phase: str, *agent: Manifest, init: tuple[Manifest, ...] = (), deleted: bool = False, **status: Any) -> Any:
    meta: Manifest = {"name": "p", "namespace": "team", "uid": "u", "creationTimestamp": AT, "finalizers": []}
    if deleted:
        meta["deletionTimestamp"] = AT
    states = {"containerStatuses": list(agent), "initContainerStatuses": list(init)}
    return read_pod({"metadata": meta, "spec": {"nodeName": "node-1"}, "status": {"phase": phase, **states, **status}})


def document(reason: Reason | None = None, message: str = "") -> str:
    return encode_document(Outcome(reason=reason, message=message)).decode()


CREATING = waiting("PodInitializing")
NO_NODE = condition("PodScheduled", "False", reason="Unschedulable", message="0/3 nodes: Insufficient memory.")
STARTING = [
    ("fresh", pod("Pending"), Reason.POD_PENDING, "being started", False),
    ("creating", pod("Pending", waiting("ContainerCreating")), Reason.POD_PENDING, "being started", False),
    ("cloning", pod("Pending", CREATING, init=(running("git-clone"),)), Reason.INITIALIZING, "workspace", False),
    ("no such image", pod("Pending", waiting("ErrImagePull", "x: not found")), Reason.IMAGE_PULL, "not found", True),
    ("pull back-off", pod("Pending", waiting("ImagePullBackOff", "Back-off")), Reason.IMAGE_PULL, "Back-off", True),
    ("bad image name", pod("Pending", waiting("InvalidImageName", "X!")), Reason.IMAGE_PULL, "X!", True),
    ("node may not pull", pod("Pending", waiting("ErrImageNeverPull")), Reason.IMAGE_PULL, "NeverPull", True),
    (
        "clone image",
        pod("Pending", CREATING, init=(waiting("ImagePullBackOff", name="git-clone"),)),
        Reason.IMAGE_PULL,
        "'git-clone'",
        True,
    ),
    (
        "no secret",
        pod("Pending", waiting("CreateContainerConfigError", 'secret "key" not found')),
        Reason.SECRET_MISSING,
        '"key"',
        True,
    ),
    (
        "root image",
        pod("Pending", waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")),
        Reason.POD_PENDING,
        "runAsNonRoot",
        True,
    ),
    ("runtime refuses", pod("Pending", waiting("CreateContainerError", "oops")), Reason.POD_PENDING, "oops", True),
    ("no room", pod("Pending", conditions=[NO_NODE]), Reason.UNSCHEDULABLE, "Insufficient memory", True),
    (
        "sidecar crashes",
        pod("Pending", CREATING, init=(waiting("CrashLoopBackOff", "back-off 10s", "db"),)),
        Reason.SETUP_FAILED,
        "'db'",
        True,
    ),
]


@pytest.mark.parametrize(("case", "found", "reason", "words", "is_problem"), STARTING, ids=[c[0] for c in STARTING])
def test_a_pod_that_does_not_run_yet_says_why(case, found, reason, words, is_problem):
    """Only what will not pass by itself is called a problem."""
    diagnosis = why_not_started(found)

    assert (reason, is_problem) == (diagnosis.reason, diagnosis.is_problem)
    assert words in diagnosis.message


DISRUPTED = condition("DisruptionTarget", reason="EvictionByEvictionAPI", message="Eviction API: evicting")
DRAINED = condition("DisruptionTarget", reason="DeletionByTaintManager")
ENDED = [
    ("normal", pod("Succeeded", ended(0, message=document())), None, "normally"),
    ("no document", pod("Succeeded", ended(0)), None, "no outcome"),
    ("agent error", pod("Failed", ended(80, message=document(Reason.AGENT_ERROR, "boom"))), Reason.AGENT_ERROR, "boom"),
    (
        "zero exit, bad end",
        pod("Succeeded", ended(0, message=document(Reason.AGENT_INCOMPLETE, "turn limit"))),
        Reason.AGENT_INCOMPLETE,
        "turn limit",
    ),
    ("foreign image", pod("Failed", ended(1)), Reason.AGENT_ERROR, "exit code 1"),
    ("reserved code alone", pod("Failed", ended(86)), Reason.CREDENTIALS_REJECTED, "exit code 86"),
    ("killed", pod("Failed", ended(137)), Reason.AGENT_ERROR, "signal 9"),
    ("out of memory", pod("Failed", ended(137, "OOMKilled")), Reason.OOM_KILLED, "memory"),
    (
        "memory despite a word",
        pod("Failed", ended(1, "OOMKilled", document(Reason.AGENT_ERROR, "x"))),
        Reason.OOM_KILLED,
        "memory",
    ),
    (
        "clone out of memory",
        pod("Failed", CREATING, init=(ended(137, "OOMKilled", name="git-clone"),)),
        Reason.OOM_KILLED,
        "'git-clone'",
    ),
    (
        "clone says why",
        pod("Failed", CREATING, init=(ended(83, message=document(Reason.CLONE_FAILED, "no repo"), name="git-clone"),)),
        Reason.CLONE_FAILED,
        "no repo",
    ),
    ("clone crashed", pod("Failed", CREATING, init=(ended(1, name="git-clone"),)), Reason.CLONE_FAILED, "exit code 1"),
    ("own init", pod("Failed", CREATING, init=(ended(2, name="warm"),)), Reason.SETUP_FAILED, "'warm'"),
    ("no entrypoint", pod("Failed", ended(128, "StartError", "exec: no such file")), Reason.SETUP_FAILED, "no such"),
    ("deadline", pod("Failed", ended(137), reason="DeadlineExceeded"), Reason.DEADLINE_EXCEEDED, "deadline"),
    ("pressure", pod("Failed", reason="Evicted", message="low on memory"), Reason.EVICTED, "low on memory"),
    ("drained", pod("Failed", ended(143), conditions=[DISRUPTED], deleted=True), Reason.EVICTED, "Eviction API"),
    (
        "drained runner",
        pod("Failed", ended(88, message=document(Reason.CANCELLED)), conditions=[DRAINED], deleted=True),
        Reason.EVICTED,
        "DeletionByTaintManager",
    ),
    ("node gone", pod("Failed", running(), conditions=[DRAINED]), Reason.EVICTED, "evicted"),
    ("node shut down", pod("Failed", ended(143), reason="Terminated", message="shutdown"), Reason.EVICTED, "shutdown"),
    (
        "machine ended",
        pod("Failed", ended(137), reason="NodeLost", message="it ended", conditions=[DISRUPTED]),
        Reason.EVICTED,
        "was lost: it ended",
    ),
    ("node refused", pod("Failed", reason="OutOfcpu", message="Node is full"), Reason.EVICTED, "OutOfcpu"),
    ("state lost", pod("Failed", ended(137, "ContainerStatusUnknown")), Reason.EVICTED, "does not know"),
    ("never told", pod("Failed", running()), Reason.EVICTED, "Nobody knows"),
    ("deleted before start", pod("Pending", waiting("ContainerCreating"), deleted=True), Reason.EVICTED, "deleted"),
    (
        "deleted while pulling",
        pod("Pending", waiting("ErrImagePull", "x"), deleted=True),
        Reason.IMAGE_PULL,
        "image",
    ),
    ("success before drain", pod("Succeeded", ended(0, message=document()), conditions=[DRAINED]), None, "normally"),
]


@pytest.mark.parametrize(("case", "found", "reason", "words"), ENDED, ids=[c[0] for c in ENDED])
def test_a_pod_that_is_over_says_how_it_ended(case, found, reason, words):
    """The kernel's and the kubelet's word goes before the agent's."""
    messages = [c.termination_message for c in (found.agent, *found.preparation)]
    outcome = next((o for m in messages if (o := decode_document(m)) is not None), None)

    diagnosis = why_ended(found, outcome)

    assert (reason, True) == (diagnosis.reason, words in diagnosis.message), diagnosis.message


@pytest.mark.parametrize(
    ("warning", "reason", "is_problem"),
    [
        ("", Reason.POD_PENDING, False),
        ('pods "x" is forbidden: exceeded quota: compute', Reason.POD_PENDING, True),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', Reason.POLICY_DENIED, True),
        ('pods "x" is forbidden: error looking up service account team/builder', Reason.POLICY_DENIED, True),
    ],
)
def test_a_job_without_a_pod_says_what_kubernetes_complains_about(warning, reason, is_problem):
    """Quotas and policies act on pods, when the Job has long been accepted."""
    diagnosis = why_no_pod("fix-bug", "team", warning)

    assert (reason, is_problem) == (diagnosis.reason, diagnosis.is_problem)
    assert warning in diagnosis.message
    assert diagnosis.advice


def test_a_volume_that_cannot_be_mounted_is_told_by_events_only():
    """The pod itself says no more than ContainerCreating."""
    stuck = pod("Pending", waiting("ContainerCreating"))

    diagnosis = why_not_started(stuck, 'MountVolume.SetUp failed for volume "t": secret "token" not found')

    assert (Reason.SECRET_MISSING, True) == (diagnosis.reason, '"token"' in diagnosis.message)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("The node was low on resource: memory.", "Set requests"),
        ("Pod ephemeral local storage usage exceeds the total limit of containers 20Mi. ", "Raise ephemeral-storage"),
        ('Container kelos-agent exceeded its local ephemeral storage limit "20Mi". ', "Raise ephemeral-storage"),
        ('Usage of EmptyDir volume "workspace" exceeds the limit "10Gi". ', "limit of the volume"),
    ],
)
def test_an_eviction_for_a_limit_of_its_own_names_the_limit(said, advice):
    """More room on the node would not help; the kubelet's sentence is shown without the space at its end."""
    found = pod("Failed", ended(88, message=document(Reason.CANCELLED)), reason="Evicted", message=said)

    diagnosis = why_ended(found, decode_document(found.agent.termination_message))

    assert Reason.EVICTED is diagnosis.reason
    assert advice in diagnosis.advice
    assert diagnosis.message.endswith(said.strip())


def test_a_success_whose_outputs_were_lost_says_so() -> None:
    found = pod("Succeeded", ended(0))

    diagnosis = why_ended(found, Outcome(message="Its outputs are missing"))

    assert (None, "Its outputs are missing") == (diagnosis.reason, diagnosis.message)
