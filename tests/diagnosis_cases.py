"""The corpus of diagnosis: whole documents around the statuses, events and logs of `tests/data/diagnosis`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

import agent_streams
import make
from kelos.agents.registry import find_agent
from kelos.api.kinds import Manifest
from kelos.api.outcome import GitFacts, Outcome
from kelos.api.reasons import Reason
from kelos.outputs.document import encode_document
from kelos.pods.job import build_job
from kelos.pods.request import JobRequest
from kelos.runner.execution.agent_run import Because, Ended
from kelos.runner.execution.judgement import judge
from kelos.runner.git import Result
from kelos.runner.preparation.complaints import complaint
from kelos.runner.report import failed
from kelos.settings import Settings
from kelos.tasks.evidence.facts import read_complaint, read_job, read_pod
from kelos.tasks.status import STOP_REQUESTED
from kelos.tasks.view import TaskView

FOLDER = Path(__file__).parent / "data" / "diagnosis"
POD_UID = "6a1c0b53-0e0e-4a3f-9a57-2f1f1f7f2d11"
JOB_UID = "5d0e2f0a-8d8d-4a7b-8b1b-0c0c0c0c0c0c"
ENDED_SECONDS_AGO = timedelta(seconds=4)
"""Kubernetes gives up at once or repeats after ten seconds: at this age it has not given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The label of a case."""

    reason: Reason | None
    problem: bool = False
    fault: str = ""
    repeated: tuple[bool, bool] = (False, False)
    message: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    verdict: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One situation. `pod` None means that the Job has none; `stop` is why the controller stops it."""

    name: str
    task: Manifest
    pod: Manifest | None
    job_status: Manifest
    is_suspended: bool
    stop: Manifest
    events: tuple[Manifest, ...]
    log: str
    expected: Expected = field(repr=False)

    def job(self, **spec: Any) -> Manifest:
        """The Job as we build it, with the status of the case."""
        task = make.task(**spec, **self.task)
        workspace = make.workspace(secretRef={"name": "shop-token"})
        request = JobRequest(task=task, prompt=task.spec.prompt, workspace=workspace, settings=Settings())
        built = build_job(request).job
        meta = {**built["metadata"], "uid": JOB_UID, "creationTimestamp": "2026-02-07T09:00:00Z"}
        spec = {**built["spec"], "suspend": self.is_suspended}
        return {**built, "metadata": meta, "spec": spec, "status": self.job_status}

    def view(self, **spec: Any) -> TaskView:
        """What the planner sees once the pod's end is a few seconds old."""
        status: Manifest = {"jobName": "fix-bug", "phase": "Running"}
        if self.stop:
            status["conditions"] = [{"type": STOP_REQUESTED, "status": "True", **self.stop}]
        task = make.task(**spec, status=status, **self.task)
        pods = () if self.pod is None else (read_pod(self.pod),)
        ended = max((c.finished_at for pod in pods for c in pod.containers if c.finished_at), default=make.NOW)
        return make.view(
            task,
            job=read_job(self.job(**spec)),
            pods=pods,
            logs={POD_UID: self.log},
            complaints=tuple(read_complaint(event) for event in reversed(self.events)),
            now=ended + ENDED_SECONDS_AGO,
        )


def cases(name: str) -> Iterator[Case]:
    """The cases of one file."""
    for raw in yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))["cases"]:
        yield _case(raw)


def _case(raw: Manifest) -> Case:
    job, has_pod = raw.get("job") or {}, "status" in raw
    case = Case(
        name=raw["name"],
        task=raw.get("task") or {},
        pod=None,
        job_status=_job_status(job),
        is_suspended=bool(job.get("suspended")),
        stop=job.get("stopped_for") or {},
        events=tuple(_event(event, number, on_pod=has_pod) for number, event in enumerate(raw.get("events") or ())),
        log=raw.get("log", ""),
        expected=_expected(raw["expect"]),
    )
    if not has_pod:
        return case
    return Case(**{name: getattr(case, name) for name in case.__slots__} | {"pod": _pod(raw, case.job())})


def _expected(raw: Manifest) -> Expected:
    known = dict(raw)
    for name in ("reason", "verdict"):
        known[name] = Reason(known[name]) if known.get(name) else None
    for name in ("message", "advice", "repeated"):
        if name in known:
            known[name] = tuple(known[name])
    return Expected(**known)


def _pod(raw: Manifest, job: Manifest) -> Manifest:
    template = job["spec"]["template"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "fix-bug", "uid": JOB_UID, "controller": True}
    meta: Manifest = {
        **template["metadata"],
        "name": "fix-bug-x1",
        "generateName": "fix-bug-",
        "namespace": make.NAMESPACE,
        "uid": POD_UID,
        "creationTimestamp": "2026-02-07T09:00:00Z",
        "ownerReferences": [owner],
    }
    if raw.get("deleted"):
        meta |= {"deletionTimestamp": "2026-02-07T09:05:20Z", "deletionGracePeriodSeconds": 20}
    spec = {**template["spec"], "nodeName": raw.get("node", "node-1")}
    status = {name: _with_messages(value) for name, value in raw["status"].items()}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": spec,
        "status": {"qosClass": "Burstable", **status},
    }


def _job_status(job: Manifest) -> Manifest:
    found: list[Manifest] = []
    if failure := job.get("failed"):
        found.append({"type": "Failed", "status": "True", "lastTransitionTime": "2026-02-07T09:05:01Z", **failure})
    if job.get("suspended"):
        found.append({"type": "Suspended", "status": "True", "lastTransitionTime": "2026-02-07T09:04:40Z"})
    if job.get("succeeded"):
        found.append({"type": "Complete", "status": "True", "lastTransitionTime": "2026-02-07T09:05:01Z"})
    return {"conditions": found} if found else {"active": 1}


def _event(raw: Manifest, number: int, *, on_pod: bool) -> Manifest:
    kind, name, uid = ("Pod", "fix-bug-x1", POD_UID) if on_pod else ("Job", "fix-bug", JOB_UID)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{number:016x}", "namespace": make.NAMESPACE},
        "involvedObject": {"kind": kind, "name": name, "namespace": make.NAMESPACE, "uid": uid},
        "type": "Warning",
        "count": 1,
        "lastTimestamp": f"2026-02-07T09:00:{number:02}Z",
        **raw,
    }


def _with_messages(value: Any) -> Any:
    """Termination messages that our runner writes, written by it."""
    if isinstance(value, list):
        return [_with_messages(item) for item in value]
    if not isinstance(value, dict):
        return value
    told = value.get("message")
    known = {name: _with_messages(item) for name, item in value.items() if name != "message"}
    if isinstance(told, dict):
        return {**known, "message": encode_document(_outcome(told)).decode()}
    return value if told is not None else known


def _outcome(told: Manifest) -> Outcome:
    match told:
        case {"document": {**members}}:
            reason = members.get("reason")
            return Outcome(reason=Reason(reason) if reason else None, message=members["message"])
        case {"git": {"code": int(code), "err": str(err)}}:
            secret = "the key GITHUB_TOKEN of Secret 'shop-token'"
            said = complaint(Result(code=code, err=err), "https://github.com/acme/shop.git", "fetching", secret=secret)
            return failed(said)
        case {"stream": {"agent": str(agent), "exit": int(code), **source}}:
            lines = agent_streams.stream(source["file"]) if "file" in source else source["lines"]
            reader = find_agent(agent).reader()
            for line in lines:
                reader.feed(line)
            ended = Ended(because=Because.ITSELF, status=code)
            return judge(reader.end(code), ended, GitFacts(), model="", limit_seconds=None)
    raise AssertionError(f"nobody writes {told}")
