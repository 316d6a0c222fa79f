"""The locks of a Task: which it needs, who has them, whether it may take them, and the Leases that say so.

A persistent Workspace and a branch each let one Task work at a time. Every Task takes them in this order, so that two
Tasks never wait for each other.
"""

from __future__ import annotations

from hashlib import sha256

from kelos.api import names
from kelos.api.kinds import LEASE, Manifest
from kelos.api.repository import parse_repository
from kelos.api.task import Task
from kelos.api.workspace import Workspace
from kelos.errors import UserError
from kelos.plan import Create, Replace, Step
from kelos.pods.job import owner_of
from kelos.tasks.view import Lock, Scope, TaskView

LABELS = {Scope.WORKSPACE: names.LABEL_WORKSPACE_LOCK, Scope.BRANCH: names.LABEL_BRANCH_LOCK}
ANNOTATIONS = {Scope.WORKSPACE: names.ANNOTATION_WORKSPACE, Scope.BRANCH: names.ANNOTATION_BRANCH}


def wanted_locks(task: Task, workspace: Workspace | None) -> tuple[Lock, ...]:
    """The locks a Task needs, in the order in which they are taken; nobody is in them yet."""
    if workspace is None:
        return ()
    wanted = []
    if workspace.spec.persistent:
        name = workspace.meta.name
        wanted.append(Lock(scope=Scope.WORKSPACE, name=name, label=_hash(task.meta.namespace, name)))
    if task.spec.branch and (repository := _identity(workspace)):
        label = _hash(task.meta.namespace, repository, task.spec.branch)
        wanted.append(Lock(scope=Scope.BRANCH, name=task.spec.branch, label=label))
    return tuple(wanted)


def label_of(view: TaskView, scope: Scope) -> str:
    """The label of the view's lock of that scope; empty without one."""
    return next((lock.label for lock in view.locks if lock.scope is scope), "")


def is_ours(view: TaskView, lock: Lock) -> bool:
    return lock.holder_uid == view.task.meta.uid


def holder_of(lock: Lock) -> str:
    """Who keeps us from the lock right now: the holder, a leftover pod's Task, or who is before us; else empty."""
    if lock.holder and not lock.holder_is_over:
        return lock.holder
    if lock.pods_of_others:
        return lock.pods_of_others[0]
    return lock.ahead


def others_in(view: TaskView, scope: Scope) -> str:
    """Who keeps us from the lock of that scope; empty when nobody does or it is ours."""
    found = (holder_of(lock) for lock in view.locks if lock.scope is scope and not is_ours(view, lock))
    return next(found, "")


def take(view: TaskView) -> tuple[Step, ...]:
    """The steps that make the locks ours, each atomically on the server; nothing for those that are."""
    return tuple(_take(view.task, lock) for lock in view.locks if not is_ours(view, lock))


def _take(task: Task, lock: Lock) -> Step:
    taken = _lease(task, lock)
    if lock.lease is None:
        return Create(kind=LEASE, manifest=taken)
    taken["metadata"]["resourceVersion"] = lock.lease["metadata"]["resourceVersion"]
    taken["metadata"]["uid"] = lock.lease["metadata"]["uid"]
    return Replace(kind=LEASE, manifest=taken)


def _lease(task: Task, lock: Lock) -> Manifest:
    return {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.kind,
        "metadata": {
            "name": lock.lease_name,
            "namespace": task.meta.namespace,
            "labels": {LABELS[lock.scope]: lock.label, names.LABEL_MANAGED_BY: names.MANAGER},
            "annotations": {names.ANNOTATION_HOLDER: task.meta.name, ANNOTATIONS[lock.scope]: lock.name},
            "ownerReferences": [owner_of(task)],
        },
        "spec": {"holderIdentity": task.meta.uid},
    }


def _identity(workspace: Workspace) -> str:
    try:
        return parse_repository(workspace.spec.repo).identity
    except UserError:
        return ""  # such a Workspace is refused before anything is locked


def _hash(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:20]
