"""What Job and Pod objects say, read once into small values; nothing here decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kelos.api import names
from kelos.api.conditions import moment
from kelos.api.kinds import JOB, Manifest
from kelos.tasks.evidence.container import ContainerFacts, read_container

TEXT_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A Warning event: the word and the sentence, on one line."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """One attempt's pod."""

    namespace: str
    name: str
    uid: str
    created_at: datetime
    phase: str
    job_name: str = ""
    job_uid: str = ""
    """The Job that made it; empty when another kind did, or when it was let go of."""
    task_uid: str = ""
    task_name: str = ""
    origin: str = ""
    """What the Job builder wrote down of the Task, for its record."""
    reason: str = ""
    message: str = ""
    node: str = ""
    is_being_deleted: bool = False
    holds_outcome: bool = False
    is_disrupted: bool = False
    disruption: str = ""
    unschedulable: str = ""
    gate: str = ""
    """Why the pod may not be scheduled yet although nothing is wrong: a queue holds it."""
    scheduled_at: datetime | None = None
    agent: ContainerFacts
    preparation: tuple[ContainerFacts, ...] = ()

    @property
    def containers(self) -> tuple[ContainerFacts, ...]:
        """In the order in which they start."""
        return (*self.preparation, self.agent)

    @property
    def has_run(self) -> bool:
        """Whether anything of it ran: volumes are mounted by then."""
        return any(container.has_started for container in self.containers)

    @property
    def is_over(self) -> bool:
        """No container of it runs, and none will."""
        if self.phase in ("Succeeded", "Failed"):
            return True
        return self.is_being_deleted and (not self.node or self.agent.has_ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """The Job of a Task."""

    name: str
    uid: str
    resource_version: str = ""
    owner_uid: str
    created_at: datetime
    is_suspended: bool = False
    is_being_deleted: bool = False
    suspended_at: datetime | None = None
    has_succeeded: bool = False
    failure: str = ""
    failure_message: str = ""
    failed_at: datetime | None = None
    app_secret: str = ""
    """The Secret with the GitHub App's key that its token is minted with; empty when it needs none."""
    token_repository: str = ""

    @property
    def has_failed(self) -> bool:
        return bool(self.failure)


def one_line(text: object) -> str:
    """Somebody's sentence on one line of bounded length."""
    return " ".join(str(text or "").split())[:TEXT_LIMIT]


def read_complaint(event: Manifest) -> Complaint:
    """An Event of either API."""
    return Complaint(reason=str(event.get("reason") or ""), message=one_line(event.get("message") or event.get("note")))


def created_at(manifest: Manifest) -> datetime:
    found = moment(manifest.get("metadata", {}).get("creationTimestamp"))
    if found is None:
        raise ValueError("the object has no creationTimestamp")
    return found


def controller_uid(manifest: Manifest) -> str:
    """The uid of the object's controller owner, or empty."""
    return str(_controller(manifest).get("uid", ""))


def _controller(manifest: Manifest) -> Manifest:
    return next((o for o in manifest.get("metadata", {}).get("ownerReferences") or () if o.get("controller")), {})


def read_job(job: Manifest) -> JobFacts:
    meta, spec, status = job["metadata"], job.get("spec", {}), job.get("status") or {}
    conditions, annotations = _true_conditions(status), meta.get("annotations") or {}
    failed = conditions.get("Failed") or conditions.get("FailureTarget") or {}
    return JobFacts(
        name=meta["name"],
        uid=meta["uid"],
        resource_version=str(meta.get("resourceVersion") or ""),
        owner_uid=controller_uid(job),
        created_at=created_at(job),
        is_suspended=bool(spec.get("suspend")),
        is_being_deleted="deletionTimestamp" in meta,
        suspended_at=moment(conditions.get("Suspended", {}).get("lastTransitionTime")),
        has_succeeded="Complete" in conditions or "SuccessCriteriaMet" in conditions,
        failure=str(failed.get("reason") or "Failed") if failed else "",
        failure_message=str(failed.get("message") or ""),
        failed_at=moment(failed.get("lastTransitionTime")),
        app_secret=str(annotations.get(names.ANNOTATION_APP_SECRET) or ""),
        token_repository=str(annotations.get(names.ANNOTATION_TOKEN_FOR) or ""),
    )


def read_pod(pod: Manifest) -> PodFacts:
    meta, spec, status = pod["metadata"], pod.get("spec", {}), pod.get("status") or {}
    annotations = meta.get("annotations") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    disrupted = conditions.get("DisruptionTarget", {})
    job = owner if (owner := _controller(pod)).get("kind") == JOB.kind else {}
    states = {s["name"]: s for s in status.get("containerStatuses") or ()}
    specs = {c.get("name"): c for c in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))}
    init = [read_container(s, specs.get(s["name"])) for s in status.get("initContainerStatuses") or ()]
    agent = states.get(names.CONTAINER_AGENT, {"name": names.CONTAINER_AGENT})
    is_gated = scheduled.get("status") == "False" and scheduled.get("reason") == "SchedulingGated"
    is_unplaced = scheduled.get("status") == "False" and scheduled.get("reason") in ("Unschedulable", "SchedulerError")
    return PodFacts(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        created_at=created_at(pod),
        phase=str(status.get("phase") or "Pending"),
        job_name=str(job.get("name", "")),
        job_uid=str(job.get("uid", "")),
        task_uid=str((meta.get("labels") or {}).get(names.LABEL_TASK_UID, "")),
        task_name=str(annotations.get(names.LABEL_TASK, "")),
        origin=str(annotations.get(names.ANNOTATION_ORIGIN, "")),
        reason=str(status.get("reason") or ""),
        message=str(status.get("message") or ""),
        node=str(spec.get("nodeName") or ""),
        is_being_deleted="deletionTimestamp" in meta,
        holds_outcome=names.FINALIZER_OUTCOME in (meta.get("finalizers") or ()),
        is_disrupted=disrupted.get("status") == "True",
        disruption=str(disrupted.get("message") or disrupted.get("reason") or ""),
        unschedulable=one_line(scheduled.get("message") or "no node fits") if is_unplaced else "",
        gate=str(scheduled.get("message") or "a scheduling gate") if is_gated else "",
        scheduled_at=moment(scheduled.get("lastTransitionTime")) if scheduled.get("status") == "True" else None,
        agent=read_container(agent, specs.get(names.CONTAINER_AGENT)),
        preparation=tuple(init),
    )


def _true_conditions(status: Manifest) -> dict[str, Manifest]:
    return {c["type"]: c for c in status.get("conditions") or () if c.get("status") == "True"}
