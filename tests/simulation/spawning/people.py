"""Who acts: authors of issues, owners of spawners, and those who work on Tasks."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from random import Random
from typing import Any

import make
from kelos.api.kinds import TASK, TASK_SPAWNER, Manifest
from kelos.api.names import FINALIZER_SPAWNED
from kelos.errors import AlreadyExists, ClusterError, NotFound
from kelos.local.cluster import LocalCluster
from simulation.spawning.script import Deed
from simulation.spawning.tracker import Tracker


def spawner_manifest(name: str, **spec: Any) -> Manifest:
    """A TaskSpawner over issues unless `when` says something else."""
    template = {"type": "demo", "credentials": {"type": "none"}, "workspaceRef": {"name": "repo"}}
    template |= spec.pop("template", {})
    return {
        "apiVersion": TASK_SPAWNER.api_version,
        "kind": TASK_SPAWNER.kind,
        "metadata": {"name": name, "namespace": make.NAMESPACE},
        "spec": {"when": {"githubIssues": {"pollInterval": "10s"}}, "taskTemplate": template, **spec},
    }


@dataclass
class People:
    """Each deed is carried out at once: everybody here has a good connection."""

    cluster: LocalCluster
    tracker: Tracker
    spawners: set[str] = field(default_factory=set)
    """uids of spawners that somebody deleted."""
    removed: set[str] = field(default_factory=set)
    """uids of Tasks that somebody deleted."""

    async def do(self, deed: Deed) -> None:
        with suppress(NotFound, AlreadyExists):
            match deed.do:
                case "create spawner":
                    await self.cluster.create(TASK_SPAWNER, spawner_manifest(deed.name, **deed.detail))
                case "edit spawner":
                    await self.cluster.patch(TASK_SPAWNER, make.NAMESPACE, deed.name, {"spec": deed.detail})
                case "delete spawner":
                    there = await self.cluster.get(TASK_SPAWNER, make.NAMESPACE, deed.name)
                    self.spawners.add(there["metadata"]["uid"])
                    await self.cluster.delete(TASK_SPAWNER, make.NAMESPACE, deed.name)
                case "open" | "close" | "talk" | "ask" | "take back":
                    getattr(self.tracker, deed.do.replace(" ", "_"))(deed.name)
                case "remove task":
                    for task in (await self.cluster.list(TASK, make.NAMESPACE)).items:
                        if task["metadata"]["name"].startswith(deed.name):
                            self.removed.add(task["metadata"]["uid"])
                            await self.cluster.delete(TASK, make.NAMESPACE, task["metadata"]["name"])
                            return
                case _:
                    raise ValueError(f"nobody knows how to {deed.do}")


@dataclass
class Workers:
    """The Task controller as a spawner sees it: what was noted is started, ends, expires and is collected."""

    cluster: LocalCluster
    rng: Random
    clock: Any
    wall: Any
    fails: float = 0.3
    started: dict[str, Manifest] = field(default_factory=dict)
    """By uid, as the Task was when it started."""
    _ends: dict[str, float] = field(default_factory=dict)
    _gone_at: dict[str, float] = field(default_factory=lambda: defaultdict(lambda: float("inf")))

    async def step(self) -> None:
        alive = {s["metadata"]["uid"] for s in (await self.cluster.list(TASK_SPAWNER, make.NAMESPACE)).items}
        for task in (await self.cluster.list(TASK, make.NAMESPACE)).items:
            with suppress(ClusterError):
                await self._care_for(task, alive)

    async def _care_for(self, task: Manifest, alive: set[str]) -> None:
        meta, status = task["metadata"], task.get("status") or {}
        uid, name = meta["uid"], meta["name"]
        if "deletionTimestamp" in meta:
            return
        if meta["ownerReferences"][0]["uid"] not in alive:
            await self.cluster.delete(TASK, make.NAMESPACE, name)
        elif not status.get("phase"):
            if FINALIZER_SPAWNED not in (meta.get("finalizers") or ()):
                self.started[uid] = task
                self._ends[uid] = self.clock() + self.rng.choice((0.5, 4.0, 25.0))
                await self._set(name, phase="Running", jobName=name)
        elif status["phase"] == "Running":
            if self.clock() >= self._ends[uid]:
                is_bad = self.rng.random() < self.fails
                ended = {"phase": "Failed", "reason": "AgentError"} if is_bad else {"phase": "Succeeded"}
                await self._set(name, completionTime=_stamp(self.wall()), **ended)
                self._gone_at[uid] = self.clock() + self.rng.choice((0.0, 0.0, 20.0, 1e9))
        elif self.clock() >= self._gone_at[uid]:
            await self.cluster.delete(TASK, make.NAMESPACE, name)

    async def _set(self, name: str, **status: object) -> None:
        await self.cluster.patch(TASK, make.NAMESPACE, name, {"status": status}, subresource="status")


def _stamp(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
