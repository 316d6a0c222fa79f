"""What is said about a TaskSpawner: derived from the facts of a pass, by one owner, for every source alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from kelos.api.conditions import MESSAGE_LIMIT, merge_patch, set_condition, timestamp
from kelos.api.kinds import TASK_SPAWNER, Manifest
from kelos.api.spawner_status import SpawnerCondition, SpawnerPhase
from kelos.plan import SetStatus
from kelos.spawning.cron import tick_of_key
from kelos.spawning.room import is_full, is_used_up
from kelos.spawning.view import SpawnerView

TIME_IS_OLD_AFTER = timedelta(seconds=600)
"""A look that changed nothing is worth a write only so often."""
MOST_PROBLEMS = 3
LAST_WORDS = (SpawnerCondition.DISCOVERED, SpawnerCondition.DISCOVERY_ERROR)
"""About the source: what was said of it stands until it is looked at anew."""

Word = tuple[SpawnerCondition, str, str, str]
"""Type, value, reason, message."""


def set_status(view: SpawnerView) -> SetStatus | None:
    """The one write of a pass; None when the status already says so."""
    status = status_of(view)
    body = merge_patch(view.status, status)
    if not body or (set(body) == {"lastDiscoveryTime"} and not _is_old(view)):
        return None
    return write_status(view, body)


def set_unusable(manifest: Manifest, reason: str, problem: str, now: datetime) -> SetStatus | None:
    """A TaskSpawner that makes no sense, say one that an older version stored, or whose ledger makes none."""
    meta, before = manifest["metadata"], manifest.get("status") or {}
    generation = meta.get("generation") or 0
    status = {**before, "phase": SpawnerPhase.FAILED.value, "message": problem[:MESSAGE_LIMIT]}
    status["observedGeneration"] = generation
    ready = SpawnerCondition.READY.value
    status = set_condition(status, ready, "False", reason, problem, now=now, generation=generation)
    body = merge_patch(before, status)
    return _write(meta["namespace"], meta["name"], meta["resourceVersion"], body) if body else None


def write_status(view: SpawnerView, body: Manifest) -> SetStatus | None:
    """None when there is nothing to say."""
    meta = view.spawner.meta
    return _write(meta.namespace, meta.name, meta.resource_version, body) if body else None


def _write(namespace: str, name: str, version: str, body: Manifest) -> SetStatus:
    return SetStatus(kind=TASK_SPAWNER, namespace=namespace, name=name, resource_version=version, body=body)


def status_of(view: SpawnerView) -> Manifest:
    """All of it, as the photograph has it."""
    discovery, generation = view.discovery, view.spawner.meta.generation
    phase, message = _phase(view)
    status: Manifest = {
        **view.status,
        "observedGeneration": generation,
        "phase": phase.value,
        "message": message[:MESSAGE_LIMIT],
        "activeTasks": view.unfinished,
        "totalTasksCreated": view.ledger.head.created,
    }
    if discovery.sightings is not None:
        status["totalDiscovered"] = len(discovery.sightings)
    if discovery.looked_at is not None:
        status["lastDiscoveryTime"] = timestamp(discovery.looked_at)
    for type, value, reason, text in _conditions(view):
        if type in LAST_WORDS and _still_stands(view, type):
            continue
        status = set_condition(status, type.value, value, reason, text, now=view.now, generation=generation)
    return status


def _still_stands(view: SpawnerView, type: SpawnerCondition) -> bool:
    """Whether a spawner at rest, or one whose process has just begun, has no newer word on its source."""
    if view.discovery.problem or view.discovery.looked_at is not None or view.spawner.spec.when.kind.is_pushed:
        return False
    return any(each["type"] == type.value for each in view.status.get("conditions") or ())


def _phase(view: SpawnerView) -> tuple[SpawnerPhase, str]:
    discovery = view.discovery
    if view.spawner.spec.suspend:
        return SpawnerPhase.SUSPENDED, "Suspended: nothing is created until spec.suspend is false"
    if view.problem:
        return SpawnerPhase.FAILED, view.problem
    if discovery.problem and (discovery.is_for_people or discovery.sightings is None):
        return SpawnerPhase.FAILED if discovery.is_for_people else SpawnerPhase.PENDING, discovery.problem
    if view.spawner.spec.when.kind.is_pushed:
        return SpawnerPhase.PENDING, _NO_SERVER
    if discovery.sightings is None:
        return SpawnerPhase.PENDING, "Not looked yet"
    if is_used_up(view):
        return SpawnerPhase.RUNNING, _used_up(view)
    if troubles := _troubles(view):
        return SpawnerPhase.RUNNING, troubles
    tick = tick_of_key(view.ledger.head.watermark)
    if view.spawner.spec.when.cron is not None and tick is not None:
        return SpawnerPhase.RUNNING, f"Ticks up to {timestamp(tick)} are handled"
    found = len(discovery.sightings)
    items = f"Found {found} item{'' if found == 1 else 's'}"
    return SpawnerPhase.RUNNING, f"{items}. {discovery.note}" if discovery.note else items


def _conditions(view: SpawnerView) -> Iterator[Word]:
    spec = view.spawner.spec
    yield (SpawnerCondition.READY, *_ready(view))
    yield (SpawnerCondition.DISCOVERED, *_discovered(view))
    if spec.suspend:
        yield SpawnerCondition.SUSPENDED, "True", "UserSuspended", "spec.suspend is true"
    else:
        yield SpawnerCondition.SUSPENDED, "False", "Running", "spec.suspend is not set"
    used_up = ("True", "LimitReached") if is_used_up(view) else ("False", "LimitAvailable")
    for name in (SpawnerCondition.MAX_TOTAL_TASKS_REACHED, SpawnerCondition.TASK_BUDGET_EXHAUSTED):
        yield (name, *used_up, _used_up(view))
    yield (SpawnerCondition.DISCOVERY_ERROR, *_errors(view))


def _ready(view: SpawnerView) -> tuple[str, str, str]:
    """The contract: whether it would make Tasks."""
    discovery, spec = view.discovery, view.spawner.spec
    if view.problem:
        return "False", view.problem_reason, view.problem
    if spec.when.kind.is_pushed:
        return "False", "NoWebhookServer", _NO_SERVER
    if spec.suspend:
        return "False", "Suspended", "Nothing is created until spec.suspend is false"
    if discovery.problem:
        return "False", _why(view), discovery.problem
    if is_full(view):
        return "False", "LedgerFull", _FULL
    if discovery.sightings is None:
        return "Unknown", "NotLooked", "Not looked yet"
    return "True", "Discovering", "The source is looked at as planned"


def _discovered(view: SpawnerView) -> tuple[str, str, str]:
    discovery = view.discovery
    if discovery.problem:
        return "False", _why(view), _with_history(view)
    if discovery.looked_at is None:
        return "Unknown", "NotLooked", "Not looked yet"
    if not discovery.is_complete:
        return "True", "Partly", discovery.note or "The source did not tell everything"
    return "True", "Looked", "The last look found all that there is"


def _errors(view: SpawnerView) -> tuple[str, str, str]:
    if view.discovery.problem:
        return "True", _why(view), _with_history(view)
    if is_full(view):
        return "True", "LedgerFull", _FULL
    if troubles := _troubles(view):
        return "True", "TaskCreationFailed", troubles
    return "False", "NoErrors", "No item is in trouble"


def _troubles(view: SpawnerView) -> str:
    """Which items cannot become Tasks, and why; empty when all is well."""
    told = {key: trouble.message for key, trouble in view.troubles.items() if trouble.message}
    texts = [f"item {key}: {text}" for key, text in sorted(told.items())[:MOST_PROBLEMS]]
    more = f"; and {len(told) - MOST_PROBLEMS} more" if len(told) > MOST_PROBLEMS else ""
    return "; ".join(texts) + more


def _why(view: SpawnerView) -> str:
    return "SourceRefused" if view.discovery.is_for_people else "SourceUnavailable"


def _with_history(view: SpawnerView) -> str:
    """What failed, how often in a row, and when it last went well."""
    discovery = view.discovery
    last = timestamp(discovery.looked_at) if discovery.looked_at is not None else view.status.get("lastDiscoveryTime")
    times = "time" if discovery.failures == 1 else "times"
    since = f"last success at {last}" if last else "it never succeeded"
    return f"{discovery.problem} (failed {discovery.failures} {times} in a row, {since})"


def _used_up(view: SpawnerView) -> str:
    limit, made = view.spawner.spec.total_limit, view.ledger.head.created
    return f"{made} of {limit} Tasks were created" if limit is not None else "There is no limit"


def _is_old(view: SpawnerView) -> bool:
    written = view.status.get("lastDiscoveryTime")
    if not written or view.discovery.looked_at is None:
        return True
    before = datetime.fromisoformat(written.replace("Z", "+00:00"))
    return abs(view.discovery.looked_at - before) >= TIME_IS_OLD_AFTER


_NO_SERVER = "Waits for its webhook server, which is not part of this version; polled sources and schedules work"
_FULL = (
    "No more items can be remembered, so nothing new is made: the source still lists all that were handled; "
    "narrow it, or go on with another TaskSpawner"
)
