"""A Job controller and a kubelet that do what a test's script says: the outside world of a simulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from kelos.api.kinds import JOB, POD, Manifest
from kelos.api.outcome import Outcome
from kelos.cluster.protocol import Cluster, PatchType
from kelos.errors import Conflict, NotFound
from kelos.outputs.document import encode_document

BACKOFF_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How the next pod goes. `stays` keeps it running until it is told to end; without `starts` it stays Pending."""

    exit_code: int = 0
    outcome: Outcome | None = field(default_factory=Outcome)
    stays: bool = False
    starts: bool = True


@dataclass
class PlayedKubernetes:
    """Call `step` until nothing moves. Every started agent is counted: that is what costs money."""

    cluster: Cluster
    now: Callable[[], datetime]
    runs: list[Run] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    started_uids: list[str] = field(default_factory=list)
    at_once: int = 0
    copies: Callable[[], int] = lambda: 1
    """How many pods a Job makes where one is meant: a Job controller may see its own pods late."""
    paid: dict[str, Decimal] = field(default_factory=dict)
    """What the agents of each Task, by uid, said that they cost when they ended."""
    _scripts: dict[str, Run] = field(default_factory=dict)
    _failures: dict[str, dict[str, str]] = field(default_factory=dict)
    _not_before: dict[str, datetime] = field(default_factory=dict)
    _made: dict[str, int] = field(default_factory=dict)

    async def step(self) -> None:
        pods = (await self.cluster.list(POD, None)).items
        for job in (await self.cluster.list(JOB, None)).items:
            await self._job(job, [pod for pod in pods if _owner(pod) == job["metadata"]["uid"]])
        pods = (await self.cluster.list(POD, None)).items
        for pod in pods:
            await self._pod(pod)
        running = [p for p in (await self.cluster.list(POD, None)).items if _phase(p) == "Running"]
        self.at_once = max(self.at_once, len(running))
        for lock in {lock for p in running for lock in _locks(p)}:
            holders = {p["metadata"]["labels"]["kelos.dev/task-uid"] for p in running if lock in _locks(p)}
            assert len(holders) == 1, f"Tasks {holders} work at once with lock {lock}"

    async def _job(self, job: Manifest, pods: list[Manifest]) -> None:
        meta, spec = job["metadata"], job["spec"]
        alive = [p for p in pods if _phase(p) in ("", "Pending", "Running")]
        if "deletionTimestamp" in meta:
            return
        if spec.get("suspend"):
            for pod in alive:
                await self._delete(pod)
            await self._job_condition(job, "Suspended", "JobSuspended")
        elif _conditions(job):
            return
        elif any(_phase(p) == "Succeeded" for p in pods):
            for pod in alive:
                await self._delete(pod)
            await self._job_condition(job, "Complete", "CompletionsReached")
        else:
            await self._replace_failed(job, pods, alive)

    async def _replace_failed(self, job: Manifest, pods: list[Manifest], alive: list[Manifest]) -> None:
        """Count failures once each, as the Job's policy says; a counted pod may be gone by now."""
        verdicts = self._failures.setdefault(job["metadata"]["uid"], {})
        for pod in pods:
            if _phase(pod) == "Failed" and pod["metadata"]["uid"] not in verdicts:
                verdicts[pod["metadata"]["uid"]] = policy_verdict(job, pod)
                backoff = timedelta(seconds=BACKOFF_SECONDS * 2 ** (len(verdicts) - 1))
                self._not_before[job["metadata"]["uid"]] = self.now() + backoff
        counted = sum(1 for verdict in verdicts.values() if verdict == "Count")
        if "FailJob" in verdicts.values():
            await self._job_condition(job, "Failed", "PodFailurePolicy")
        elif counted > job["spec"].get("backoffLimit", 6):
            await self._job_condition(job, "Failed", "BackoffLimitExceeded")
        elif (not_before := self._not_before.get(job["metadata"]["uid"])) is not None and self.now() < not_before:
            return
        elif not alive and len(verdicts) >= self._made.get(job["metadata"]["uid"], 0):
            for _ in range(self.copies()):
                await self._create_pod(job)
                self._made[job["metadata"]["uid"]] = self._made.get(job["metadata"]["uid"], 0) + 1

    async def _create_pod(self, job: Manifest) -> None:
        meta, template = job["metadata"], job["spec"]["template"]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"], "controller": True}
        made = await self.cluster.create(
            POD,
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    **template["metadata"],
                    "generateName": f"{meta['name']}-",
                    "namespace": meta["namespace"],
                    "ownerReferences": [owner],
                },
                "spec": {**template["spec"], "nodeName": "played"},
            },
        )
        self._scripts[made["metadata"]["uid"]] = self.runs.pop(0) if self.runs else Run()

    async def _pod(self, pod: Manifest) -> None:
        meta, phase = pod["metadata"], _phase(pod)
        script = self._scripts.get(meta["uid"], Run())
        if phase in ("", "Pending"):
            if "deletionTimestamp" in meta:
                await self._end(pod, Run(exit_code=88, outcome=None))
                return
            if not script.starts:
                return
            self.started.append(meta["labels"].get("kelos.dev/task", ""))
            self.started_uids.append(meta["labels"].get("kelos.dev/task-uid", ""))
            await self._status(pod, "Running", {"running": {"startedAt": self._time()}})
        elif phase == "Running" and ("deletionTimestamp" in meta or not script.stays):
            await self._end(pod, script)
        elif phase in ("Succeeded", "Failed") and "deletionTimestamp" in meta:
            await self._remove(pod)

    async def _end(self, pod: Manifest, run: Run) -> None:
        message = encode_document(run.outcome).decode() if run.outcome is not None else ""
        ended = {
            "exitCode": run.exit_code,
            "message": message,
            "startedAt": self._time(),
            "finishedAt": self._time(),
            "reason": "Error" if run.exit_code else "Completed",
        }
        cost = run.outcome.usage.cost_usd if run.outcome is not None else None
        uid = pod["metadata"]["labels"].get("kelos.dev/task-uid", "")
        self.paid[uid] = self.paid.get(uid, Decimal()) + Decimal(cost or 0)
        await self._status(pod, "Failed" if run.exit_code else "Succeeded", {"terminated": ended})

    async def evict(self, pod: Manifest) -> None:
        """End a running pod as a node under pressure does: no exit code, no outcome."""
        meta = pod["metadata"]
        condition = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
        status = {"phase": "Failed", "reason": "Evicted", "message": "low on memory", "conditions": [condition]}
        await self.cluster.patch(POD, meta["namespace"], meta["name"], {"status": status}, subresource="status")

    async def running(self) -> list[Manifest]:
        """Every pod whose agent runs."""
        return [pod for pod in (await self.cluster.list(POD, None)).items if _phase(pod) == "Running"]

    async def drain(self, pod: Manifest) -> None:
        """Have a running pod leave its node: it is told to end, and may still say what it did."""
        meta = pod["metadata"]
        condition = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
        body = {"status": {"conditions": [condition]}}
        await self.cluster.patch(POD, meta["namespace"], meta["name"], body, subresource="status")
        await self._delete(pod)

    async def _status(self, pod: Manifest, phase: str, state: Manifest) -> None:
        meta = pod["metadata"]
        agent = {"name": "kelos-agent", "image": "x", "imageID": "", "ready": False, "restartCount": 0, "state": state}
        body = {"status": {"phase": phase, "containerStatuses": [agent]}}
        await self.cluster.patch(POD, meta["namespace"], meta["name"], body, type=PatchType.MERGE, subresource="status")

    async def _job_condition(self, job: Manifest, type: str, reason: str) -> None:
        if any(c["type"] == type for c in _conditions(job)):
            return
        meta = job["metadata"]
        condition = {"type": type, "status": "True", "reason": reason, "lastTransitionTime": self._time()}
        body = {"status": {"conditions": [*_conditions(job), condition]}}
        try:
            await self.cluster.patch(JOB, meta["namespace"], meta["name"], body, subresource="status")
        except (NotFound, Conflict):
            return

    async def _delete(self, pod: Manifest) -> None:
        if "deletionTimestamp" not in pod["metadata"]:
            await self.cluster.delete(POD, pod["metadata"]["namespace"], pod["metadata"]["name"])

    async def _remove(self, pod: Manifest) -> None:
        try:
            await self.cluster.delete(POD, pod["metadata"]["namespace"], pod["metadata"]["name"], grace_seconds=0)
        except NotFound:
            return

    def _time(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _owner(manifest: Manifest) -> str:
    return str((manifest["metadata"].get("ownerReferences") or [{}])[0].get("uid", ""))


def _phase(pod: Manifest) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def _locks(pod: Manifest) -> set[str]:
    """What only one Task at a time may have: a branch, and the volume of a persistent Workspace."""
    volumes = pod["spec"].get("volumes") or ()
    claims = {v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v}
    branch = pod["metadata"]["labels"].get("kelos.dev/branch-lock")
    return claims | ({branch} if branch else set())


def policy_verdict(job: Manifest, pod: Manifest) -> str:
    """What the Job's failure policy says about a failed pod; the first rule that matches counts."""
    conditions = {c["type"] for c in (pod["status"].get("conditions") or ()) if c["status"] == "True"}
    states = pod["status"].get("containerStatuses") or ()
    codes = {c["name"]: (c.get("state", {}).get("terminated") or {}).get("exitCode", 0) for c in states}
    for rule in job["spec"].get("podFailurePolicy", {}).get("rules", ()):
        if any(pattern["type"] in conditions for pattern in rule.get("onPodConditions", ())):
            return str(rule["action"])
        exits = rule.get("onExitCodes")
        chosen = [code for name, code in codes.items() if exits and exits.get("containerName", name) == name and code]
        if any((code in exits["values"]) == (exits["operator"] == "In") for code in chosen):
            return str(rule["action"])
    return "Count"


def _conditions(job: Manifest) -> list[Manifest]:
    return list((job.get("status") or {}).get("conditions") or ())
