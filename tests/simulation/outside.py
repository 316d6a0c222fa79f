"""The world around the controller: a Job controller, a kubelet and a garbage collector that follow a script.

Each step is synchronous, so nobody writes in between; what happens when, is told by the plane's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from random import Random

from kelos.api.kinds import JOB, LEASE, POD, SECRET, TASK, Kind, Manifest
from kelos.api.outcome import Outcome
from kelos.local.server.refusals import Refusal
from kelos.local.server.resources import Resource
from kelos.local.server.verbs.deleting import delete
from kelos.local.server.verbs.options import DeleteOptions, WriteOptions
from kelos.local.server.verbs.plane import Plane
from kelos.local.server.verbs.writing import create
from kelos.local.store import Key
from kelos.outputs.document import encode_document
from played_kubernetes import policy_verdict

BACKOFF_SECONDS = 10.0
NODE_GONE_SECONDS = 40.0
"""After which Kubernetes takes the pods of a lost node for failed."""
KILLED = 137


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How one pod goes. `starts_after` None: it never does; `runs_for` None: until it is told to end."""

    starts_after: float | None = 1.0
    runs_for: float | None = 5.0
    exit_code: int = 0
    outcome: Outcome | None = field(default_factory=Outcome)
    ends_after: float = 2.0
    when_told: Outcome | None = None
    """What the runner says when it is told to end; None is killed without a word."""
    is_made_twice: bool = False
    """A Job controller that sees its own pods late makes another one, and takes it away when it sees both."""


@dataclass(slots=True)
class Attempt:
    """One pod, as those know it who play it."""

    task_uid: str
    job_uid: str
    script: Script
    born_at: datetime
    started_at: datetime | None = None
    told_at: datetime | None = None
    lost_at: datetime | None = None
    """When its node was lost: what goes on there is not seen any more."""
    ended_at: datetime | None = None
    exit_code: int | None = None
    said: Outcome | None = None
    is_disrupted: bool = False
    verdict: str = ""
    """What the Job's failure policy says about its end; empty while it has not failed."""

    @property
    def runs(self) -> bool:
        return self.started_at is not None and self.ended_at is None

    @property
    def has_succeeded(self) -> bool:
        return self.exit_code == 0


@dataclass
class Outside:
    """`script_of` tells how the next pod of a Task (by uid) goes. `attempts` remembers every pod by its uid."""

    plane: Plane
    rng: Random
    script_of: Callable[[str], Script]
    attempts: dict[str, Attempt] = field(default_factory=dict)
    _seen: int = -1
    _due: datetime | None = None

    def step(self) -> bool:
        """Whatever is due by now; True when nothing changed and nothing is."""
        now = self.plane.now()
        if self.plane.store.version == self._seen and (self._due is None or now < self._due):
            return True
        self._seen, self._due = self.plane.store.version, None
        for job in self._all(JOB):
            self._job(job, now)
        for pod in self._all(POD):
            self._pod(pod, now)
        self._collect()
        return False

    def evict(self, task: str) -> None:
        """End a Task's running pod as a node under pressure does: no exit code, no outcome."""
        for pod in self._all(POD):
            attempt = self.attempts[pod["metadata"]["uid"]]
            if pod["metadata"]["annotations"]["kelos.dev/task"] == task and attempt.runs:
                attempt.ended_at, attempt.is_disrupted = self.plane.now(), True
                condition = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
                status = {"phase": "Failed", "reason": "Evicted", "message": "low on memory", "conditions": [condition]}
                self._fail(pod, attempt, status)
                return

    def lose(self, task: str) -> None:
        """Lose the node of a Task's pod: it is told to end, and cannot answer."""
        for pod in self._all(POD):
            attempt = self.attempts[pod["metadata"]["uid"]]
            if pod["metadata"]["annotations"]["kelos.dev/task"] == task and attempt.ended_at is None:
                attempt.lost_at = attempt.told_at = self.plane.now()
                self._look_at(attempt.lost_at + timedelta(seconds=NODE_GONE_SECONDS))
                self._delete(POD, pod)
                return

    # The Job controller.

    def _job(self, job: Manifest, now: datetime) -> None:
        meta, spec = job["metadata"], job["spec"]
        alive = [p for p in self._all(POD) if _owner(p) == meta["uid"] and _phase(p) in ("", "Pending", "Running")]
        if "deletionTimestamp" in meta:
            return
        conditions = {c["type"] for c in _conditions(job)}
        if spec.get("suspend"):
            for pod in alive:
                self._delete(POD, pod)
            if "Suspended" not in conditions:
                self._condition(job, "Suspended", "JobSuspended")
        elif conditions & {"Complete", "Failed"}:
            return
        elif self._is_late(job, now):
            for pod in alive:
                self._delete(POD, pod)
            if not alive:
                self._condition(job, "Failed", "DeadlineExceeded")
        elif any(attempt.has_succeeded for attempt in self._attempts_of(job)):
            for pod in alive:
                self._delete(POD, pod)
            self._condition(job, "Complete", "CompletionsReached")
        elif len(alive) > 1:
            self.attempts[alive[-1]["metadata"]["uid"]].verdict = "Ignore"
            self._delete(POD, alive[-1])
        else:
            self._repeat(job, alive, now)

    def _is_late(self, job: Manifest, now: datetime) -> bool:
        limit = job["spec"].get("activeDeadlineSeconds")
        if limit is None:
            return False
        deadline = _moment(job["metadata"]["creationTimestamp"]) + timedelta(seconds=limit)
        self._look_at(deadline)
        return now >= deadline

    def _repeat(self, job: Manifest, alive: list[Manifest], now: datetime) -> None:
        """No pod is forgotten: Kubernetes tracks them with finalizers, which are not played here; what they do is."""
        attempts = self._attempts_of(job)
        verdicts = [attempt.verdict for attempt in attempts if attempt.verdict]
        if "FailJob" in verdicts:
            for pod in alive:
                self._delete(POD, pod)
            self._condition(job, "Failed", "PodFailurePolicy")
        elif verdicts.count("Count") > job["spec"].get("backoffLimit", 6):
            self._condition(job, "Failed", "BackoffLimitExceeded")
        elif len(verdicts) == len(attempts):
            ends = [attempt.ended_at for attempt in attempts if attempt.ended_at is not None]
            if not ends or self._is_due(max(ends), BACKOFF_SECONDS * 2 ** (len(ends) - 1)):
                self._make_pods(job, now)

    def _attempts_of(self, job: Manifest) -> list[Attempt]:
        return [attempt for attempt in self.attempts.values() if attempt.job_uid == job["metadata"]["uid"]]

    def _make_pods(self, job: Manifest, now: datetime) -> None:
        if self._make_pod(job, now).script.is_made_twice:
            self._make_pod(job, now)

    def _make_pod(self, job: Manifest, now: datetime) -> Attempt:
        meta, template = job["metadata"], job["spec"]["template"]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"], "controller": True}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                **template["metadata"],
                "generateName": f"{meta['name']}-",
                "namespace": meta["namespace"],
                "ownerReferences": [owner],
            },
            "spec": {**template["spec"], "nodeName": "played"},
        }
        options = WriteOptions(manager="kube-controller-manager")
        made = create(self.plane, self._resource(POD), meta["namespace"], body, options).manifest
        task_uid = made["metadata"]["labels"]["kelos.dev/task-uid"]
        attempt = Attempt(task_uid=task_uid, job_uid=meta["uid"], script=self.script_of(task_uid), born_at=now)
        self.attempts[made["metadata"]["uid"]] = attempt
        if attempt.script.starts_after is not None:
            self._look_at(now + timedelta(seconds=attempt.script.starts_after))
        return attempt

    # The kubelet.

    def _pod(self, pod: Manifest, now: datetime) -> None:
        attempt, script = self.attempts[pod["metadata"]["uid"]], self.attempts[pod["metadata"]["uid"]].script
        if "deletionTimestamp" in pod["metadata"] and attempt.told_at is None:
            attempt.told_at = now
        if attempt.ended_at is None and attempt.lost_at is not None:
            if self._is_due(attempt.lost_at, NODE_GONE_SECONDS):
                attempt.ended_at, attempt.is_disrupted = now, True
                condition = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC"}
                self._fail(pod, attempt, {"phase": "Failed", "conditions": [condition]})
        elif attempt.ended_at is not None:
            if attempt.told_at is not None:
                with suppress(Refusal):
                    self._delete(POD, pod, grace_seconds=0)
        elif attempt.started_at is None:
            if attempt.told_at is not None:
                self._end(pod, attempt, 88, None)
            elif script.starts_after is not None and self._is_due(attempt.born_at, script.starts_after):
                attempt.started_at = now
                self._set(POD, pod, phase="Running", containerStatuses=[_agent({"running": {"startedAt": _text(now)}})])
                if script.runs_for is not None:
                    self._look_at(now + timedelta(seconds=script.runs_for))
        elif script.runs_for is not None and self._is_due(attempt.started_at, script.runs_for):
            self._end(pod, attempt, script.exit_code, script.outcome)
        elif attempt.told_at is not None and self._is_due(attempt.told_at, script.ends_after):
            self._end(pod, attempt, 88 if script.when_told is not None else KILLED, script.when_told)

    def _end(self, pod: Manifest, attempt: Attempt, exit_code: int, outcome: Outcome | None) -> None:
        now = self.plane.now()
        attempt.ended_at, attempt.exit_code, attempt.said = now, exit_code, outcome
        ended = {
            "exitCode": exit_code,
            "message": encode_document(outcome).decode() if outcome is not None else "",
            "startedAt": _text(attempt.started_at or now),
            "finishedAt": _text(now),
            "reason": "Error" if exit_code else "Completed",
        }
        status = {"phase": "Failed" if exit_code else "Succeeded", "containerStatuses": [_agent({"terminated": ended})]}
        if exit_code:
            self._fail(pod, attempt, status)
        else:
            self._set(POD, pod, **status)
        self._look_at(now)

    def _fail(self, pod: Manifest, attempt: Attempt, status: Manifest) -> None:
        self._set(POD, pod, **status)
        job = next((job for job in self._all(JOB) if job["metadata"]["uid"] == attempt.job_uid), None)
        judged = policy_verdict(job, {**pod, "status": status}) if job is not None else "Count"
        attempt.verdict = attempt.verdict or judged

    # The garbage collector.

    def _collect(self) -> None:
        """Delete what nobody owns any more."""
        alive = {m["metadata"]["uid"] for kind in (TASK, JOB) for m in self._all(kind)}
        for kind in (JOB, POD, LEASE, SECRET):
            for manifest in self._all(kind):
                owners = manifest["metadata"].get("ownerReferences") or ()
                if owners and not any(owner["uid"] in alive for owner in owners):
                    self._delete(kind, manifest)

    # What they all need.

    def _is_due(self, since: datetime, seconds: float) -> bool:
        due = since + timedelta(seconds=seconds)
        self._look_at(due)
        return self.plane.now() >= due

    def _look_at(self, moment: datetime) -> None:
        self._due = moment if self._due is None else min(self._due, moment)

    def _all(self, kind: Kind) -> Iterator[Manifest]:
        for entry in self.plane.store.entries(self._resource(kind).storage):
            yield entry.manifest

    def _resource(self, kind: Kind) -> Resource:
        return self._resources[kind.plural]

    @cached_property
    def _resources(self) -> dict[str, Resource]:
        find = self.plane.registry.find
        return {kind.plural: find(kind.group, kind.version, kind.plural) for kind in (JOB, POD, TASK, LEASE, SECRET)}

    def _set(self, kind: Kind, manifest: Manifest, **status: object) -> None:
        """Write a status past admission: what Kubernetes writes itself is right."""
        meta = manifest["metadata"]
        key = Key(resource=self._resource(kind).storage, namespace=meta["namespace"], name=meta["name"])
        live = self.plane.store.get(key)
        assert live is not None
        new = {**live.manifest, "status": {**(live.manifest.get("status") or {}), **status}}
        self.plane.store.put(key, new)

    def _condition(self, job: Manifest, type: str, reason: str) -> None:
        since = _text(self.plane.now())
        condition = {"type": type, "status": "True", "reason": reason, "lastTransitionTime": since}
        self._set(JOB, job, conditions=[*_conditions(job), condition])

    def _delete(self, kind: Kind, manifest: Manifest, grace_seconds: int | None = None) -> None:
        meta = manifest["metadata"]
        if "deletionTimestamp" in meta and grace_seconds is None:
            return
        options = DeleteOptions(uid=meta["uid"], grace_seconds=grace_seconds, propagation="Background")
        delete(self.plane, self._resource(kind), meta["namespace"], meta["name"], options)


def _agent(state: Manifest) -> Manifest:
    return {
        "name": "kelos-agent", "image": "x", "imageID": "", "ready": False, "restartCount": 0, "state": state,
    }  # fmt: skip


def _owner(manifest: Manifest) -> str:
    return str((manifest["metadata"].get("ownerReferences") or [{}])[0].get("uid", ""))


def _phase(pod: Manifest) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def _conditions(job: Manifest) -> list[Manifest]:
    return list((job.get("status") or {}).get("conditions") or ())


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
