"""A Job controller and a kubelet that do what a test's script says: the outside world of a simulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from kelos.api.kinds import JOB, POD, Manifest
from kelos.api.outcome import Outcome
from kelos.cluster.protocol import Cluster, PatchType
from kelos.errors import Conflict, NotFound
from kelos.outputs.document import encode_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How the next pod goes. `stays` keeps it running until it is told to end."""

    exit_code: int = 0
    outcome: Outcome | None = field(default_factory=Outcome)
    stays: bool = False


@dataclass
class PlayedKubernetes:
    """Call `step` until nothing moves. Every started agent is counted: that is what costs money."""

    cluster: Cluster
    now: Callable[[], datetime]
    runs: list[Run] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    at_once: int = 0
    _scripts: dict[str, Run] = field(default_factory=dict)

    async def step(self) -> None:
        for job in (await self.cluster.list(JOB, None)).items:
            await self._job(job)
        pods = (await self.cluster.list(POD, None)).items
        for pod in pods:
            await self._pod(pod)
        self.at_once = max(self.at_once, sum(1 for p in pods if p.get("status", {}).get("phase") == "Running"))

    async def _job(self, job: Manifest) -> None:
        meta, spec = job["metadata"], job["spec"]
        pods = [p for p in (await self.cluster.list(POD, meta["namespace"])).items if _owner(p) == meta["uid"]]
        alive = [p for p in pods if _phase(p) in ("", "Pending", "Running")]
        if "deletionTimestamp" in meta:
            return
        if spec.get("suspend"):
            for pod in alive:
                await self._delete(pod)
            await self._job_condition(job, "Suspended", "JobSuspended")
        elif any(_phase(p) == "Succeeded" for p in pods):
            await self._job_condition(job, "Complete", "CompletionsReached")
        elif any(_phase(p) == "Failed" for p in pods) and not any(c["type"] == "Failed" for c in _conditions(job)):
            await self._job_condition(job, "Failed", "PodFailurePolicy")
        elif not pods and not _conditions(job):
            await self._create_pod(job)

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
            self.started.append(meta["labels"].get("kelos.dev/task", ""))
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
        await self._status(pod, "Failed" if run.exit_code else "Succeeded", {"terminated": ended})

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


def _conditions(job: Manifest) -> list[Manifest]:
    return list((job.get("status") or {}).get("conditions") or ())
