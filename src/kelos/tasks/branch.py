"""The branch lock: its name, who has it, whether we may take it, and the Lease that says so."""

from __future__ import annotations

from hashlib import sha256

from kelos.api import names
from kelos.api.kinds import LEASE, Manifest
from kelos.api.task import Task
from kelos.api.workspace import Workspace
from kelos.errors import UserError
from kelos.plan import Create, Replace, Step
from kelos.pods.job import owner_of
from kelos.pods.repository import parse_repository
from kelos.tasks.view import BranchLock, TaskView


def lock_label(task: Task, workspace: Workspace | None) -> str:
    """The lock's identity: namespace, repository and branch. Empty without a branch or a checkout."""
    if not task.spec.branch or workspace is None:
        return ""
    try:
        repository = parse_repository(workspace.spec.repo).identity
    except UserError:
        return ""  # such a Workspace is refused before anything is locked
    text = "\n".join((task.meta.namespace, repository, task.spec.branch))
    return sha256(text.encode()).hexdigest()[:20]


def is_ours(view: TaskView) -> bool:
    return view.lock is not None and view.lock.holder_uid == view.task.meta.uid


def holder_of(lock: BranchLock) -> str:
    """Who keeps us from the branch right now: the holder, a leftover pod's Task, or who is before us; else empty."""
    if lock.holder and not lock.holder_is_over:
        return lock.holder
    if lock.pods_of_others:
        return lock.pods_of_others[0]
    return lock.ahead


def take(view: TaskView) -> tuple[Step, ...]:
    """The step that makes the lock ours, atomically on the server; nothing when it is or there is no lock."""
    lock = view.lock
    if lock is None or is_ours(view):
        return ()
    if lock.lease is None:
        return (Create(kind=LEASE, manifest=_lease(view.task, lock)),)
    taken = _lease(view.task, lock)
    taken["metadata"]["resourceVersion"] = lock.lease["metadata"]["resourceVersion"]
    taken["metadata"]["uid"] = lock.lease["metadata"]["uid"]
    return (Replace(kind=LEASE, manifest=taken),)


def _lease(task: Task, lock: BranchLock) -> Manifest:
    return {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.kind,
        "metadata": {
            "name": lock.lease_name,
            "namespace": task.meta.namespace,
            "labels": {names.LABEL_BRANCH_LOCK: lock.label, names.LABEL_MANAGED_BY: "kelos-controller"},
            "annotations": {names.ANNOTATION_HOLDER: task.meta.name, names.ANNOTATION_BRANCH: task.spec.branch or ""},
            "ownerReferences": [owner_of(task)],
        },
        "spec": {"holderIdentity": task.meta.uid},
    }
