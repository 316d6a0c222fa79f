"""Reading a Task as its spawner sees it: whose it is, for which item it was made, and how it goes."""

from __future__ import annotations

import json
from datetime import datetime

from kelos.api import names
from kelos.api.kinds import TASK_SPAWNER, Manifest
from kelos.api.reasons import Phase, Reason
from kelos.spawning.view import SpawnedTask

LONGEST_WORD = 500
"""What a Task says goes into a ledger, which many share; no item of ours has a key so long."""


def spawner_name(task: Manifest) -> str:
    """The TaskSpawner it says it belongs to; empty for none."""
    owner = _controller(task)
    if owner is not None:
        return str(owner.get("name", "")) if owner.get("kind") == TASK_SPAWNER.kind else ""
    return str((task["metadata"].get("labels") or {}).get(names.LABEL_SPAWNER, ""))


def belongs_to(task: Manifest, uid: str) -> bool:
    """Whether it is of that very TaskSpawner; without any owner its label is enough."""
    owner = _controller(task)
    return owner is None or owner.get("uid") == uid


def is_made_by(task: Manifest, uid: str) -> bool:
    """Whether that very TaskSpawner made it in our way: only such a Task is what a claim waits for."""
    owner = _controller(task)
    return owner is not None and owner.get("uid") == uid


def read_task(task: Manifest) -> SpawnedTask:
    """What a spawner has to know of its Task."""
    meta, status = task["metadata"], task.get("status") or {}
    phase, (key, trigger) = status.get("phase"), _made_for(task)
    return SpawnedTask(
        name=meta["name"],
        uid=meta.get("uid", ""),
        key=key,
        trigger=trigger,
        created_at=str(meta.get("creationTimestamp", "")),
        is_finished=phase in (Phase.SUCCEEDED.value, Phase.FAILED.value),
        has_failed=phase == Phase.FAILED.value and status.get("reason") != Reason.CANCELLED.value,
        ended_at=moment_of(status.get("completionTime")),
        is_unnoted=names.FINALIZER_SPAWNED in (meta.get("finalizers") or ()),
        is_being_deleted="deletionTimestamp" in meta,
    )


def moment_of(text: object) -> datetime | None:
    """The moment that Kubernetes writes; None for none."""
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None
    except ValueError:
        return None


def _made_for(task: Manifest) -> tuple[str, str]:
    """Item, in our words or in those of the reference, and trigger; empty for none. Anybody may have written it."""
    annotations = task["metadata"].get("annotations") or {}
    try:
        said = json.loads(annotations.get(names.ANNOTATION_ITEM, "{}"))
    except (ValueError, RecursionError):
        said = {}
    said = said if isinstance(said, dict) else {}
    key = said.get("key", annotations.get(names.ANNOTATION_SOURCE_NUMBER, ""))
    return _word(key), _word(said.get("trigger"))


def _word(found: object) -> str:
    return found if isinstance(found, str) and len(found) <= LONGEST_WORD else ""


def _controller(task: Manifest) -> Manifest | None:
    owners = task["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)
