"""Who acts from outside: authors of Tasks, clients that follow them, administrators, nodes in trouble."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field

import make
from kelos.api.kinds import AGENT_CONFIG, JOB, POD, SECRET, TASK, WORKSPACE, Kind, Manifest
from kelos.api.names import ANNOTATION_CANCEL, ANNOTATION_LEASE
from kelos.errors import AlreadyExists, NotFound
from kelos.local.cluster import LocalCluster
from simulation.outside import Outside, Script
from simulation.scenario import Deed, Scenario, Wish

SECRET_VALUE = "sk-simulated-0d9f6c1e"
REPOSITORIES = {"repo": "https://github.com/acme/shop.git", "twin": "https://GitHub.com/acme/shop/"}
"""Workspaces of one repository: their branches are the same branches."""
OF_AN_APP = ("disk", "vault")
PERSISTENT = "disk"
APP_DATA = {"appID": "1", "installationID": "2", "privateKey": SECRET_VALUE}
LEASE_SECONDS = 20
BEAT_SECONDS = 6.0


@dataclass
class People:
    """Each method is a deed. Everybody here has a good connection; what is not there is not there."""

    cluster: LocalCluster
    scenario: Scenario
    wishes: dict[str, Wish] = field(default_factory=dict)
    """By Task uid."""
    cancelled: dict[str, float] = field(default_factory=dict)
    """Task uid and moment."""
    disturbed: set[str] = field(default_factory=set)
    """Names of Tasks whose Job or pods somebody deleted or evicted."""
    _beats: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _attempts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def do(self, deed: Deed, now: float, outside: Outside) -> None:
        with suppress(NotFound, AlreadyExists):
            match deed.do:
                case "create":
                    await self._create(deed.name, deed.wish or Wish())
                case "cancel":
                    uid = await self._annotate(deed.name, ANNOTATION_CANCEL, {"by": "ann", "at": "now", "why": ""})
                    self.cancelled.setdefault(uid, now)
                case "renew":
                    await self._renew(deed.name)
                case "remove":
                    await self._delete(TASK, deed.name)
                case "remove job":
                    self.disturbed.add(deed.name)
                    await self._delete(JOB, deed.name)
                case "remove pod":
                    await self._remove_pod(deed.name)
                case "evict":
                    self.disturbed.add(deed.name)
                    outside.evict(deed.name)
                case "lose node":
                    self.disturbed.add(deed.name)
                    outside.lose(deed.name)
                case "bring":
                    await self.bring(deed.name)
                case "take away":
                    kind = {"key": SECRET, "house": AGENT_CONFIG}.get(deed.name, WORKSPACE)
                    await self._delete(kind, deed.name)
                case _:
                    raise ValueError(f"nobody knows how to {deed.do}")

    def script_of(self, uid: str) -> Script:
        """How the next pod of the Task goes."""
        scripts = self.wishes[uid].scripts
        number = self._attempts[uid]
        self._attempts[uid] += 1
        return scripts[min(number, len(scripts) - 1)]

    def follows(self, task: str, now: float) -> bool:
        """Whether the client of the Task that has this name now is about to give another sign of life."""
        for deed in self.scenario.deeds:
            if deed.name == task and deed.at > now and deed.do in ("renew", "create", "remove"):
                return deed.do == "renew" and deed.at <= now + BEAT_SECONDS
        return False

    async def bring(self, name: str) -> None:
        """Create what Tasks refer to."""
        if name == "key":
            await self.cluster.create(SECRET, make.secret_manifest("key", ANTHROPIC_API_KEY=SECRET_VALUE))
        elif name == "house":
            manifest = make.agent_config_manifest("house", agentsMD="Write tests first.")
            await self.cluster.create(AGENT_CONFIG, manifest)
        elif name == "app":
            await self.cluster.create(SECRET, make.secret_manifest("app", **APP_DATA))
        else:
            more = {"secretRef": {"name": "app"}, "persistent": name == PERSISTENT} if name in OF_AN_APP else {}
            repository = REPOSITORIES.get(name, REPOSITORIES["repo"])
            await self.cluster.create(WORKSPACE, make.workspace_manifest(name, repository, **more))

    async def _create(self, name: str, wish: Wish) -> None:
        manifest = make.task_manifest(name, meta={"annotations": dict(wish.annotations)}, **wish.spec)
        uid = (await self.cluster.create(TASK, manifest))["metadata"]["uid"]
        self.wishes[uid] = wish

    async def _renew(self, name: str) -> None:
        self._beats[name] += 1
        lease = {"holder": "run 7", "count": self._beats[name], "seconds": LEASE_SECONDS}
        await self._annotate(name, ANNOTATION_LEASE, lease)

    async def _annotate(self, name: str, annotation: str, value: Manifest) -> str:
        body = {"metadata": {"annotations": {annotation: json.dumps(value)}}}
        return str((await self.cluster.patch(TASK, make.NAMESPACE, name, body))["metadata"]["uid"])

    async def _remove_pod(self, task: str) -> None:
        for pod in (await self.cluster.list(POD, make.NAMESPACE)).items:
            if pod["metadata"]["annotations"]["kelos.dev/task"] == task and "deletionTimestamp" not in pod["metadata"]:
                self.disturbed.add(task)
                await self._delete(POD, pod["metadata"]["name"])
                return

    async def _delete(self, kind: Kind, name: str) -> None:
        await self.cluster.delete(kind, make.NAMESPACE, name)
