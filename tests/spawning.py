"""The smallest view of a TaskSpawner; a test states only what it is about."""

from __future__ import annotations

from typing import Any

import make
from kelos.api.codec import parse_task_spawner
from kelos.api.kinds import TASK_SPAWNER
from kelos.api.task_spawner import TaskSpawner
from kelos.api.work_item import Sighting, Trigger, WorkItem
from kelos.spawning.ledger.entry import Claim, Entry, encode_entry, mark_of
from kelos.spawning.ledger.ledger import Head, Ledger, Owner
from kelos.spawning.view import Discovery, SpawnedTask, SpawnerView

ASKED = {"githubIssues": {"triggerComment": "/kelos"}}


def spawner(name: str = "triage", *, generation: int = 1, **spec: Any) -> TaskSpawner:
    template = {"type": "demo", "credentials": {"type": "none"}, "workspaceRef": {"name": "repo"}}
    manifest = {
        "apiVersion": TASK_SPAWNER.api_version,
        "kind": TASK_SPAWNER.kind,
        "metadata": {
            "name": name,
            "namespace": make.NAMESPACE,
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "generation": generation,
            "creationTimestamp": "2026-02-07T08:00:00Z",
        },
        "spec": {"when": {"githubIssues": {}}, "taskTemplate": template, **spec},
    }
    return parse_task_spawner(manifest)


def entry(key: str, **facts: Any) -> Entry:
    """An item whose Task is that of `task(key)`."""
    return Entry(key=key, mark=mark_of(f"uid-triage-{key}"), **facts)


def claim(key: str, name: str = "", **facts: Any) -> Claim:
    return Claim(key=key, name=name or f"triage-{key}", **facts)


def task(key: str, *, name: str = "", **facts: Any) -> SpawnedTask:
    name = name or f"triage-{key}"
    return SpawnedTask(name=name, uid=f"uid-{name}", key=key, **facts)


def item(key: str, trigger: str = "", at: Any = None) -> WorkItem:
    return WorkItem(key=key, trigger=Trigger(key=trigger, at=at))


def ledger(*entries: Entry, claims: tuple[Claim, ...] = (), created: int = 0, watermark: str = "") -> Ledger:
    owner = Owner(namespace=make.NAMESPACE, name="triage", uid="uid-triage")
    head = Head(
        version="1",
        created=created,
        watermark=watermark,
        claims={each.key: each for each in claims},
        entries={each.key: encode_entry(each) for each in entries},
    )
    return Ledger(owner=owner, head=head)


def view(*seen: str | Sighting, of: TaskSpawner | None = None, **facts: Any) -> SpawnerView:
    """What the planner sees after a look that found these items."""
    sightings = tuple(each if isinstance(each, Sighting) else Sighting(key=each, revision="r1") for each in seen)
    facts.setdefault("ledger", ledger())
    facts.setdefault("discovery", Discovery(number=1, sightings=sightings, looked_at=make.NOW))
    return SpawnerView(spawner=of or spawner(), status=facts.pop("status", {}), now=make.NOW, **facts)
