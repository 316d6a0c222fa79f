"""The smallest Jobs and pods, and a world in which plans are carried out without a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.jobs.control.facts import TRACKING_FINALIZER
from kelos.local.jobs.control.plan import JobPlan, plan_job
from kelos.local.jobs.control.pods import build_pod
from kelos.local.jobs.moments import stamp
from kelos.local.jobs.settings import JobSettings

NOW = datetime(2026, 2, 7, 9, 0, tzinfo=timezone.utc)
SETTINGS = JobSettings()


def job(*, status: Manifest | None = None, restart: str = "Never", **spec: Any) -> Manifest:
    """As the server stores it, with its defaults."""
    template = {"metadata": {}, "spec": {"restartPolicy": restart, "containers": [{"name": "main", "image": "shell"}]}}
    defaults = {"parallelism": 1, "completions": 1, "backoffLimit": 6, "suspend": False, "template": template}
    if spec.get("podFailurePolicy"):
        defaults["podReplacementPolicy"] = "Failed"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "build", "namespace": "team", "uid": "job-uid"},
        "spec": {key: value for key, value in {**defaults, **spec}.items() if value is not None},
        "status": status or {},
    }


def terminated(code: int, name: str = "main", at: datetime = NOW) -> Manifest:
    return {"name": name, "restartCount": 0, "state": {"terminated": {"exitCode": code, "finishedAt": stamp(at)}}}


def pod(
    name: str = "build-1",
    phase: str = "Running",
    *,
    code: int | None = None,
    at: datetime = NOW,
    is_tracked: bool = True,
    is_deleting: bool = False,
    conditions: tuple[str, ...] = (),
    containers: list[Manifest] | None = None,
) -> Manifest:
    statuses = containers or ([terminated(code, at=at)] if code is not None else [])
    return {
        "metadata": {
            "name": name,
            "namespace": "team",
            "uid": name,
            "creationTimestamp": stamp(NOW),
            **({"finalizers": [TRACKING_FINALIZER]} if is_tracked else {}),
            **({"deletionTimestamp": stamp(NOW)} if is_deleting else {}),
        },
        "spec": {"nodeName": "local"},
        "status": {
            "phase": phase,
            "containerStatuses": statuses,
            "conditions": [{"type": each, "status": "True"} for each in conditions],
        },
    }


@dataclass
class World:
    """One Job and its pods; `crash_after` ends a pass after so many deeds, as a killed controller would."""

    job: Manifest
    pods: dict[str, Manifest] = field(default_factory=dict)
    now: datetime = NOW
    made: int = 0

    def settle(self, crash_after: int | None = None) -> None:
        """Pass after pass until nothing changes; every pass but the last ones may be cut short."""
        for _ in range(50):
            plan = plan_job(self.job, tuple(self.pods.values()), self.now, SETTINGS)
            if plan.status is None and not (plan.release or plan.delete or plan.create):
                if plan.again_after is None or self.now > NOW + timedelta(hours=1):
                    return
                self.now += plan.again_after
            self.carry_out(plan, crash_after)
            crash_after = None if crash_after is None else crash_after + 1
        raise AssertionError("the Job never rests")

    def carry_out(self, plan: JobPlan, crash_after: int | None = None) -> None:
        deeds = [
            *([lambda: self._set_status(plan)] if plan.status is not None else []),
            *(lambda name=name: self._release(name) for name in plan.release),
            *(lambda name=name: self._delete(name) for name in plan.delete),
            *(self._create for _ in range(plan.create)),
        ]
        for deed in deeds[:crash_after]:
            deed()

    def end(self, name: str, code: int) -> None:
        ended = pod(name, "Failed" if code else "Succeeded", code=code, at=self.now)
        self.pods[name] = {**self.pods[name], "status": ended["status"]}

    def _set_status(self, plan: JobPlan) -> None:
        self.job = {**self.job, "status": plan.status}

    def _release(self, name: str) -> None:
        metadata = {key: value for key, value in self.pods[name]["metadata"].items() if key != "finalizers"}
        self.pods[name] = {**self.pods[name], "metadata": metadata}
        if metadata.get("deletionTimestamp"):
            del self.pods[name]

    def _delete(self, name: str) -> None:
        """The node is quick here: the pod has failed by the time it is deleted."""
        metadata = {**self.pods[name]["metadata"], "deletionTimestamp": stamp(self.now)}
        ended = pod(name, "Failed", code=143, at=self.now)
        self.pods[name] = {**self.pods[name], "metadata": metadata, "status": ended["status"]}

    def _create(self) -> None:
        self.made += 1
        new = build_pod(self.job, str(self.made))
        metadata = {**new["metadata"], "uid": new["metadata"]["name"], "creationTimestamp": stamp(self.now)}
        self.pods[metadata["name"]] = {**new, "metadata": metadata, "status": {"phase": "Running"}}


def condition(job: Manifest, type: str) -> Manifest | None:
    return next((each for each in job["status"].get("conditions", ()) if each["type"] == type), None)
