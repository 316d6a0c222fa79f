"""What must be true of spawners whatever goes wrong: one Task for each trigger that runs, and none lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kelos.api.kinds import Manifest
from kelos.api.names import ANNOTATION_ITEM, FINALIZER_SPAWNED
from kelos.local.store import Entry, Key, Store
from kelos.schedule import next_ticks
from kelos.spawning.cron import key_of_tick
from simulation.spawning.people import People, Workers
from simulation.spawning.tracker import Tracker
from simulation.watchman import Violation

MOST_STATUS_WRITES = 120
Made = tuple[str, str, str]
"""Spawner's uid, item, trigger."""


@dataclass
class Laws:
    """Sees every change."""

    people: People
    workers: Workers
    tracker: Tracker
    violations: list[Violation] = field(default_factory=list)
    tasks: dict[str, Manifest] = field(default_factory=dict)
    spawners: dict[str, Manifest] = field(default_factory=dict)
    """Every TaskSpawner that is there, by uid."""
    status_writes: Counter[str] = field(default_factory=Counter)

    def complain(self, law: str, text: str) -> None:
        self.violations.append(Violation(law=law, text=text))

    def witness(self, key: Key, before: Entry | None, after: Entry | None) -> None:
        match key.resource.split(".")[0]:
            case "tasks" if after is not None:
                self.tasks[after.manifest["metadata"]["uid"]] = after.manifest
            case "taskspawners":
                self._spawner(before, after)
            case "configmaps" if after is not None and len(after.encoded) > 1_000_000:
                self.complain("stays small", f"ConfigMap {key.name} has {len(after.encoded)} bytes")

    def _spawner(self, before: Entry | None, after: Entry | None) -> None:
        if after is None:
            assert before is not None
            self.spawners.pop(before.manifest["metadata"]["uid"], None)
            return
        uid = after.manifest["metadata"]["uid"]
        self.spawners[uid] = after.manifest
        if before is not None and before.manifest.get("status") != after.manifest.get("status"):
            self.status_writes[uid] += 1

    def at_every_step(self) -> None:
        """Of the Tasks that ran for one trigger, each but the last must have failed."""
        good = Counter(made_for(task) for uid, task in self.workers.started.items() if not self._has_failed(uid))
        for (_, item, trigger), count in good.items():
            if count > 1:
                self.complain("happens once", f"{count} Tasks ran for item {item}, {trigger or 'itself'}")
                return

    def _has_failed(self, uid: str) -> bool:
        return (self.tasks[uid].get("status") or {}).get("phase") == "Failed"

    # The end.

    def at_the_end(self, store: Store) -> None:
        for uid, spawner in self.spawners.items():
            for text in (*self._lost(uid, spawner), *self._too_many(uid, spawner)):
                self.complain(*text)
            if self.status_writes[uid] > MOST_STATUS_WRITES:
                self.complain("writes little", f"the status was written {self.status_writes[uid]} times")
        for name in _waiting(store):
            self.complain("leaves nothing behind", f"Task {name} waits for a word")

    def is_at_rest(self, store: Store) -> bool:
        return not any(_waiting(store)) and not any(self._lost(*spawner) for spawner in self.spawners.items())

    def _lost(self, uid: str, spawner: Manifest) -> list[tuple[str, str]]:
        spec = spawner["spec"]
        if spec.get("suspend"):
            return []
        made = {made_for(task) for task in self.tasks.values()}
        ran = {made_for(task) for task in self.workers.started.values()}
        ran |= {made_for(self.tasks[each]) for each in self.people.removed if each in self.tasks}
        number = sum(made_for(task)[0] == uid for task in self.tasks.values())
        if spec.get("maxTotalTasks") and number >= spec["maxTotalTasks"]:
            return []
        wanted = self._ticks(uid, spawner) if "cron" in spec["when"] else self._issues(uid, spec)
        return [("loses nothing", f"{each} never ran{'' if each in made else ', nor was it made'}")
                for each in wanted if each not in ran]  # fmt: skip

    def _issues(self, uid: str, spec: Manifest) -> Iterator[Made]:
        asks = bool(spec["when"]["githubIssues"].get("triggerComment"))
        for key in self.tracker.history:
            issue = self.tracker.latest(key)
            if issue.is_open and (issue.triggers or not asks) and not self._was_asked_later(uid, key):
                yield uid, key, issue.trigger.key if asks else ""

    def _was_asked_later(self, uid: str, key: str) -> bool:
        """Whether a Task was made for a comment that is gone by now: one from before it is none that was lost."""
        numbers = [number for number, _ in self.tracker.latest(key).triggers]
        made = [made_for(task) for task in self.tasks.values()]
        asked = [int(each[2].removeprefix("comment:")) for each in made if each[:2] == (uid, key) and each[2]]
        return bool(asked) and max(asked) > max(numbers, default=0)

    def _ticks(self, uid: str, spawner: Manifest) -> Iterator[Made]:
        """All of them, or the last one, which makes up for those before it."""
        cron = spawner["spec"]["when"]["cron"]
        ticks = self.due(spawner)
        for tick in ticks if cron.get("missedRuns") == "All" else ticks[-1:]:
            yield uid, tick, ""

    def due(self, spawner: Manifest) -> list[str]:
        """Keys of ticks since the spawner was made; those of the last seconds are still on their way."""
        born = datetime.fromisoformat(spawner["metadata"]["creationTimestamp"].replace("Z", "+00:00"))
        until = self.tracker.now() - timedelta(seconds=30)
        ticks = next_ticks(spawner["spec"]["when"]["cron"]["schedule"], born, 300)
        return [key_of_tick(tick) for tick in ticks if tick <= until]

    def _too_many(self, uid: str, spawner: Manifest) -> Iterator[tuple[str, str]]:
        limit = spawner["spec"].get("maxTotalTasks")
        ran = [task for task in self.workers.started.values() if made_for(task)[0] == uid]
        if limit and len(ran) > limit:
            yield "keeps its limits", f"{len(ran)} Tasks ran, {limit} are allowed"
        retries = (spawner["spec"].get("retryPolicy") or {}).get("maxRetries", 0)
        if any(count > retries + 1 for count in Counter(map(made_for, ran)).values()):
            yield "keeps its limits", f"an item was tried more than {retries} times again"


def _waiting(store: Store) -> Iterator[str]:
    """Tasks that nobody has noted yet."""
    for entry in store.entries("tasks.kelos.dev"):
        meta = entry.manifest["metadata"]
        if FINALIZER_SPAWNED in (meta.get("finalizers") or ()):
            yield meta["name"]


def made_for(task: Manifest) -> Made:
    """What a Task was made for, by its own words."""
    meta = task["metadata"]
    item = json.loads(meta["annotations"][ANNOTATION_ITEM])
    return meta["ownerReferences"][0]["uid"], item["key"], item.get("trigger", "")
