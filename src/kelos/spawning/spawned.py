"""Reading a Task as its spawner sees it: whose it is, for which item it was made, and how it goes."""

from __future__ import annotations

import json
from datetime import datetime

from kelos.api import names
from kelos.api.kinds import TASK_SPAWNER, Manifest
from kelos.api.reasons import Phase, Reason
from kelos.spawning.view import SpawnedTask


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


def read_task(task: Manifest) -> SpawnedTask:
    """What a spawner has to know of its Task."""
    meta, status = task["metadata"], task.get("status") or {}
    phase = status.get("phase")
    return SpawnedTask(
        name=meta["name"],
        uid=meta.get("uid", ""),
        key=item_key(task),
        created_at=str(meta.get("creationTimestamp", "")),
        is_finished=phase in (Phase.SUCCEEDED.value, Phase.FAILED.value),
        has_failed=phase == Phase.FAILED.value and status.get("reason") != Reason.CANCELLED.value,
        ended_at=_moment(status.get("completionTime")),
        is_unnoted=names.FINALIZER_SPAWNED in (meta.get("finalizers") or ()),
        is_being_deleted="deletionTimestamp" in meta,
    )


def item_key(task: Manifest) -> str:
    """The item it was made for, in our words or in those of the reference; empty when it says none."""
    annotations = task["metadata"].get("annotations") or {}
    try:
        key = json.loads(annotations.get(names.ANNOTATION_ITEM, "{}"))["key"]
    except (ValueError, KeyError, TypeError):
        key = annotations.get(names.ANNOTATION_SOURCE_NUMBER, "")
    return key if isinstance(key, str) else ""


def _controller(task: Manifest) -> Manifest | None:
    owners = task["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None
    except ValueError:
        return None
