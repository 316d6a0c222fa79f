"""What the shared engine says of a TaskSpawner that a process of its own looks after.

at rest (suspended, wrong, being deleted) ──▶ the shared engine says everything
at work ──▶ its own process says how it is; the shared engine only what runs it, and for one with a schedule, whose
            process is hardly ever there, how many Tasks there are
"""

from __future__ import annotations

from dataclasses import replace

from kelos.api.conditions import merge_patch, set_condition
from kelos.api.kinds import CRON_JOB, Kind, Manifest
from kelos.api.spawner_status import SpawnerCondition, SpawnerPhase
from kelos.plan import SetStatus
from kelos.spawning.hosting.host import STATUS_FIELDS
from kelos.spawning.status import status_of, write_status
from kelos.spawning.view import Discovery, SpawnerView

NO_PLACE = (
    "This installation runs no Deployments and CronJobs for spawners, so it is looked after together with all others; "
    "isolation: Shared says the same"
)


def is_hosted(status: Manifest) -> bool:
    """Whether there may be objects of a process of its own: that is written before the first one is made."""
    return _hosted(status) is not None or any(status.get(field) for field in STATUS_FIELDS.values())


def set_without_host(view: SpawnerView) -> SetStatus | None:
    """Nothing of a process of its own is left."""
    kept = {name: value for name, value in view.status.items() if name not in STATUS_FIELDS.values()}
    others = [each for each in view.status.get("conditions") or () if each["type"] != SpawnerCondition.HOSTED.value]
    return write_status(view, merge_patch(view.status, {**kept, "conditions": others}))


def set_unhostable(view: SpawnerView) -> SetStatus | None:
    """It asked for a process and gets none, without harm."""
    return write_status(view, merge_patch(view.status, _said(view, view.status, "False", "NoDeployments", NO_PLACE)))


def set_handed_over(view: SpawnerView, kind: Kind, name: str) -> SetStatus | None:
    """Before its process begins, or begins anew; None when that was said, and from then on it speaks for itself."""
    is_new = view.status.get("observedGeneration") != view.spawner.meta.generation
    if not is_new and _hosted(view.status) is not None:
        return None
    status = _fresh(view, kind, name)
    return write_status(view, merge_patch(view.status, _said(view, status, "Unknown", "Starting", _by(kind, name))))


def set_hosted(view: SpawnerView, kind: Kind, name: str) -> SetStatus | None:
    """What runs it."""
    hosted = _hosted(view.status)
    has_failed = hosted is not None and hosted["status"] == "False"
    status: Manifest = {**(_fresh(view, kind, name) if has_failed else view.status), STATUS_FIELDS[kind]: name}
    for other in STATUS_FIELDS.values():
        if other != STATUS_FIELDS[kind]:
            status.pop(other, None)
    if kind is CRON_JOB:
        status |= {"activeTasks": view.unfinished, "totalTasksCreated": view.ledger.head.created}
    said = _said(view, status, "True", f"{kind}Applied", _by(kind, name))
    return write_status(view, merge_patch(view.status, said))


def set_host_failed(view: SpawnerView, reason: str, problem: str) -> SetStatus | None:
    """It has no process, and is not looked after by another: that would be less than it asked for."""
    status = status_of(replace(view, problem=problem, problem_reason=reason))
    return write_status(view, merge_patch(view.status, _said(view, status, "False", reason, problem)))


def _fresh(view: SpawnerView, kind: Kind, name: str) -> Manifest:
    """Its process has not said anything yet."""
    status = status_of(replace(view, discovery=Discovery()))
    if view.spawner.spec.suspend:
        return status
    phase = SpawnerPhase.RUNNING.value if kind is CRON_JOB else status["phase"]
    return {**status, "phase": phase, "message": _by(kind, name)}


def _by(kind: Kind, name: str) -> str:
    return f"{kind} '{name}' looks after it"


def _hosted(status: Manifest) -> Manifest | None:
    conditions = status.get("conditions") or ()
    return next((each for each in conditions if each["type"] == SpawnerCondition.HOSTED.value), None)


def _said(view: SpawnerView, status: Manifest, value: str, reason: str, message: str) -> Manifest:
    generation = view.spawner.meta.generation
    return set_condition(
        status, SpawnerCondition.HOSTED.value, value, reason, message, now=view.now, generation=generation
    )
