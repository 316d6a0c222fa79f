"""Which objects a spawner's process needs, and what to do so that they are there, or so that none is left."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from kelos.api.kinds import (
    CRON_JOB,
    DEPLOYMENT,
    ROLE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    TASK_SPAWNER,
    Kind,
    Manifest,
)
from kelos.api.names import ANNOTATION_FORM
from kelos.api.task_spawner import TaskSpawner
from kelos.api.workspace import Workspace
from kelos.plan import Create, Delete, Patch, Step
from kelos.settings import Settings
from kelos.spawning.hosting.host import host_kind
from kelos.spawning.hosting.rights import build_rights
from kelos.spawning.hosting.workload import build_workload

KINDS = (CRON_JOB, DEPLOYMENT, ROLE_BINDING, ROLE, SERVICE_ACCOUNT)
"""In the order in which they are taken away: who acts goes before what allows it."""

OTHER = {DEPLOYMENT: CRON_JOB, CRON_JOB: DEPLOYMENT}

Wish = tuple[Kind, Manifest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """`foreign` is the kind of an object that has our name and another owner; nothing is done then."""

    steps: tuple[Step, ...] = ()
    foreign: Kind | None = None


def build_host(spawner: TaskSpawner, workspace: Workspace | None, settings: Settings) -> tuple[Wish, ...]:
    """All objects, in the order in which to make them; none for a spawner that needs no process of its own."""
    kind = host_kind(spawner)
    if kind is None or settings.spawner_image is None:
        return ()
    rights = zip((SERVICE_ACCOUNT, ROLE, ROLE_BINDING), build_rights(spawner, workspace), strict=True)
    workload = (kind, build_workload(kind, spawner, settings.spawner_image, settings))
    return tuple((kind, _with_hash(manifest)) for kind, manifest in (*rights, workload))


def form_of(wanted: Sequence[Wish]) -> str:
    """Of what it is made, in a few letters."""
    return _digest([manifest["metadata"]["annotations"] for _, manifest in wanted])


def host(spawner: TaskSpawner, wanted: Sequence[Wish], found: Mapping[Kind, Manifest]) -> Hosting:
    """Make what is missing and mend what differs; of two workloads the other one goes first."""
    foreign = next((kind for kind, there in found.items() if not _is_ours(there, spawner)), None)
    if foreign is not None:
        return Hosting(foreign=foreign)
    steps: list[Step] = []
    for kind, manifest in wanted:
        if (other := OTHER.get(kind)) is not None and (stale := found.get(other)) is not None:
            steps.append(_delete(other, stale))
        there = found.get(kind)
        if there is None:
            steps.append(Create(kind=kind, manifest=manifest))
        elif not covers(there, manifest):
            steps.append(_mend(kind, there, manifest))
    return Hosting(steps=tuple(steps))


def take_away(spawner: TaskSpawner, found: Mapping[Kind, Manifest]) -> tuple[Step, ...]:
    """What is ours; an object of somebody else is left alone."""
    return tuple(_delete(kind, found[kind]) for kind in KINDS if kind in found and _is_ours(found[kind], spawner))


def covers(there: object, wanted: object) -> bool:
    """Whether an object says all that is wanted; what the server and others have added does not count.

    Its hash is among that: it differs when an earlier version wanted more.
    """
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(covers(there.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and len(there) == len(wanted) and all(map(covers, there, wanted))
    return there == wanted


def _is_ours(there: Manifest, spawner: TaskSpawner) -> bool:
    owners = there["metadata"].get("ownerReferences") or ()
    controller: Manifest = next((owner for owner in owners if owner.get("controller")), {})
    return controller.get("uid") == spawner.meta.uid and controller.get("kind") == TASK_SPAWNER.kind


def _mend(kind: Kind, there: Manifest, wanted: Manifest) -> Patch:
    meta = wanted["metadata"]
    body_meta = {name: meta[name] for name in ("labels", "annotations")}
    body = {name: value for name, value in wanted.items() if name not in ("apiVersion", "kind", "metadata")}
    seen = {name: there["metadata"][name] for name in ("uid", "resourceVersion")}
    return Patch(
        kind=kind, namespace=meta["namespace"], name=meta["name"], body={"metadata": {**seen, **body_meta}, **body}
    )


def _delete(kind: Kind, there: Manifest) -> Delete:
    meta = there["metadata"]
    return Delete(kind=kind, namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])


def _with_hash(manifest: Manifest) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": {ANNOTATION_FORM: _digest(manifest)}}}


def _digest(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
