"""What a spawner's Tasks have to be told, and what the ledger has to be told of them, whatever its source says.

    claim ──▶ Task with the finalizer `kelos.dev/spawned` ──▶ its mark in the ledger ──▶ no finalizer: it runs, and goes

A Task whose mark the ledger does not have came too late: somebody else made one for the same trigger. It never ran.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kelos.api.kinds import TASK, TASK_SPAWNER, Manifest
from kelos.api.names import FINALIZER_REPORT, FINALIZER_SPAWNED, FINALIZER_SPAWNER
from kelos.api.work_item import Trigger
from kelos.plan import Delete, DropFinalizer, Step
from kelos.spawning.cron import tick_of_key
from kelos.spawning.ledger.entry import Claim, Entry, made, mark_of
from kelos.spawning.ledger.ledger import Ledger
from kelos.spawning.ledger.writing import Changes
from kelos.spawning.moments import GIVEN_UP_AFTER, new_watermark, watermark_before
from kelos.spawning.rerun import retry_at
from kelos.spawning.spawned import moment_of
from kelos.spawning.view import SpawnedTask, SpawnerView

MOST_TRIES = 3
"""Of a claimed item that is in trouble, before its place goes to another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chores:
    """`changes` go to the ledger first; `after` may only be done when it has them."""

    changes: Changes
    after: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.after)


def housekeeping(view: SpawnerView) -> Chores:
    """Note Tasks that were made, let them go, take away those that came too late, remember failures."""
    noted = [entry for task in view.tasks if (entry := _to_note(view.ledger, task)) is not None]
    known = {entry.key: entry for entry in noted}
    after: list[Step] = []
    for task in view.tasks:
        if task.is_unnoted:
            entry = known.get(task.key) or view.ledger.find(task.key)
            after += _let_go(view, task, entry)
    failures = [entry for entry in _failures(view) if entry.key not in known]
    released = tuple(key for key, claim in view.ledger.head.claims.items() if _is_hopeless(view, claim))
    begins_anew_at = new_watermark(view) or watermark_before(view, released)
    changes = Changes(entries=(*noted, *failures), released=released, begins_anew_at=begins_anew_at)
    return Chores(changes=changes, after=tuple(after))


def without_spawner(namespace: str, tasks: tuple[SpawnedTask, ...]) -> tuple[Step, ...]:
    """Nobody keeps a ledger for them any more."""
    return tuple(_drop(namespace, task) for task in tasks if task.is_unnoted)


def leave_alone(spawner: Manifest, tasks: tuple[SpawnedTask, ...]) -> tuple[Step, ...]:
    """A spawner on its way out keeps nobody, and is kept by no finalizer of the reference, whatever it says."""
    meta = spawner["metadata"]
    namespace, name, uid = meta["namespace"], meta["name"], meta["uid"]
    own = DropFinalizer(kind=TASK_SPAWNER, namespace=namespace, name=name, uid=uid, finalizer=FINALIZER_SPAWNER)
    return (*without_spawner(namespace, tasks), *([own] if FINALIZER_SPAWNER in (meta.get("finalizers") or ()) else ()))


def first_entries(spawner: str, tasks: tuple[SpawnedTask, ...]) -> tuple[Entry, ...]:
    """What a ledger that is lost, or was never there, can be told by the Tasks: their items were handled.

    A Task of the reference says so by its name alone.
    """
    in_order = sorted(tasks, key=lambda task: (task.created_at, task.name))
    newest = {key: task for task in in_order if (key := task.key or _key_in_name(spawner, task.name))}
    return tuple(_taken_over(key, task) for key, task in newest.items())


def _taken_over(key: str, task: SpawnedTask) -> Entry:
    """Of a Task that does not say what asked for it: whatever was said before it was made."""
    at = None if task.trigger else moment_of(task.created_at)
    return Entry(key=key, mark=mark_of(task.uid), trigger=Trigger(key=task.trigger, at=at))


def _key_in_name(spawner: str, name: str) -> str:
    prefix = f"{spawner.lower()}-"
    return name.removeprefix(prefix).upper() if name.startswith(prefix) else ""


def _to_note(ledger: Ledger, task: SpawnedTask) -> Entry | None:
    """A Task whose claim waits for it, or whose item the ledger does not know at all."""
    if not task.key:
        return None
    claim = ledger.head.claims.get(task.key)
    if claim is not None:
        return made(claim, task.uid) if claim.name == task.name else None
    is_unknown = task.is_unnoted and ledger.find(task.key) is None
    return _taken_over(task.key, task) if is_unknown else None


def _let_go(view: SpawnerView, task: SpawnedTask, entry: Entry | None) -> list[Step]:
    """A Task that came too late goes at once, and nothing is reported of it."""
    namespace = view.spawner.meta.namespace
    is_known = not task.key or (entry is not None and entry.mark == mark_of(task.uid))
    if is_known:
        return [_drop(namespace, task)]
    going: list[Step] = []
    if not task.is_being_deleted:
        going.append(Delete(kind=TASK, namespace=namespace, name=task.name, uid=task.uid))
    return [*going, _drop(namespace, task), replace(_drop(namespace, task), finalizer=FINALIZER_REPORT)]


def _is_hopeless(view: SpawnerView, claim: Claim) -> bool:
    """Whether a claim would hold a place that nothing comes to. Who gives it back loses nothing: what is listed later
    is claimed anew, a tick whose Task was refused among it. Any other tick comes once, so it is tried for longer."""
    if claim.name not in view.absent:
        return False
    trouble = view.troubles.get(claim.key)
    tick = tick_of_key(claim.key) if view.spawner.spec.when.cron is not None else None
    if trouble is not None and trouble.is_refused:
        return True
    if tick is None and view.is_gone(claim.key):
        return True
    if tick is not None and view.now - tick < GIVEN_UP_AFTER:
        return False
    return trouble is not None and bool(trouble.message) and trouble.count >= MOST_TRIES


def _failures(view: SpawnerView) -> list[Entry]:
    """Items whose Task failed and that may be tried again: the Task may be gone by then."""
    if not view.spawner.spec.retry_policy.max_retries:
        return []
    found = []
    for key, task in view.newest.items():
        if not task.has_failed or task.ended_at is None or key in view.ledger.head.claims:
            continue
        entry = view.ledger.find(key)
        if entry is None or entry.failed_at is not None or entry.mark != mark_of(task.uid):
            continue
        failed = replace(entry, failed_at=task.ended_at)
        if retry_at(failed, view.spawner.spec) is not None:
            found.append(failed)
    return found


def _drop(namespace: str, task: SpawnedTask) -> DropFinalizer:
    return DropFinalizer(kind=TASK, namespace=namespace, name=task.name, uid=task.uid, finalizer=FINALIZER_SPAWNED)
