"""The smallest valid objects; a test states only what it is about."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from kelos.api import names
from kelos.api.codec import parse_task, parse_task_spawner, parse_workspace
from kelos.api.kinds import AGENT_CONFIG, SECRET, TASK, TASK_SPAWNER, WORKSPACE, Manifest
from kelos.api.task import Task
from kelos.api.task_spawner import TaskSpawner
from kelos.api.workspace import Workspace
from kelos.tasks.evidence.container import ContainerFacts
from kelos.tasks.evidence.facts import JobFacts, PodFacts
from kelos.tasks.view import TaskView

NOW = datetime(2026, 2, 7, 9, 0, tzinfo=timezone.utc)
NAMESPACE = "team"


def task_manifest(name: str = "fix-bug", *, status: Manifest | None = None, **spec: Any) -> Manifest:
    """A Task as users write it; `spec` fields by their manifest names, `meta` for metadata."""
    meta = spec.pop("meta", {})
    base: Manifest = {"prompt": "Fix the bug", "type": "demo", "credentials": {"type": "none"}}
    manifest: Manifest = {
        "apiVersion": TASK.api_version,
        "kind": TASK.kind,
        "metadata": {"name": name, "namespace": NAMESPACE, **meta},
        "spec": {**base, **spec},
    }
    return {**manifest, "status": status} if status is not None else manifest


def task(name: str = "fix-bug", *, status: Manifest | None = None, **spec: Any) -> Task:
    """A Task as the API server has it."""
    manifest = task_manifest(name, status=status or {}, **spec)
    manifest["metadata"] = {
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2026-02-07T08:00:00Z",
        **manifest["metadata"],
    }
    return parse_task(manifest)


def task_spawner_manifest(name: str = "bugs", *, status: Manifest | None = None, **spec: Any) -> Manifest:
    """A TaskSpawner as users write it; `spec` fields by their manifest names, `meta` for metadata."""
    meta = spec.pop("meta", {})
    template = {"type": "demo", "credentials": {"type": "none"}, "workspaceRef": {"name": "repo"}}
    base: Manifest = {"when": {"githubIssues": {}}, "taskTemplate": template}
    manifest: Manifest = {
        "apiVersion": TASK_SPAWNER.api_version,
        "kind": TASK_SPAWNER.kind,
        "metadata": {"name": name, "namespace": NAMESPACE, **meta},
        "spec": {**base, **spec},
    }
    return {**manifest, "status": status} if status is not None else manifest


def task_spawner(name: str = "bugs", *, status: Manifest | None = None, **spec: Any) -> TaskSpawner:
    """A TaskSpawner as the API server has it."""
    manifest = task_spawner_manifest(name, status=status or {}, **spec)
    manifest["metadata"] = {
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2026-02-07T08:00:00Z",
        **manifest["metadata"],
    }
    return parse_task_spawner(manifest)


def workspace_manifest(name: str = "repo", repo: str = "https://github.com/acme/shop.git", **spec: Any) -> Manifest:
    return {
        "apiVersion": WORKSPACE.api_version,
        "kind": WORKSPACE.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"repo": repo, **spec},
    }


def workspace(name: str = "repo", **spec: Any) -> Workspace:
    return parse_workspace(workspace_manifest(name, **spec))


def agent_config_manifest(name: str = "house", **spec: Any) -> Manifest:
    return {
        "apiVersion": AGENT_CONFIG.api_version,
        "kind": AGENT_CONFIG.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def secret_manifest(name: str = "key", **data: str) -> Manifest:
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "stringData": data or {"ANTHROPIC_API_KEY": "not-a-key"},
    }


def job(name: str = "fix-bug", *, owner: str = "uid-fix-bug", age: float = 0, **facts: Any) -> JobFacts:
    """The Job of a Task, `age` seconds old."""
    created = NOW - timedelta(seconds=age)
    return JobFacts(name=name, uid=f"uid-job-{name}", owner_uid=owner, created_at=created, **facts)


def container(name: str = names.CONTAINER_AGENT, **facts: Any) -> ContainerFacts:
    return ContainerFacts(name=name, **facts)


def pod(name: str = "fix-bug-x1", *, age: float = 0, phase: str = "Pending", **facts: Any) -> PodFacts:
    """A pod of the Task that still holds its outcome."""
    facts.setdefault("agent", container())
    facts.setdefault("holds_outcome", True)
    facts.setdefault("node", "node-1")
    created = NOW - timedelta(seconds=age)
    return PodFacts(namespace=NAMESPACE, name=name, uid=f"uid-{name}", created_at=created, phase=phase, **facts)


def running_pod(name: str = "fix-bug-x1", **facts: Any) -> PodFacts:
    return pod(name, phase="Running", agent=container(has_started=True, started_at=NOW), **facts)


def ended_pod(name: str = "fix-bug-x1", *, exit_code: int = 0, document: str = "", **facts: Any) -> PodFacts:
    agent = container(
        has_started=True, started_at=NOW, finished_at=NOW, exit_code=exit_code, termination_message=document
    )
    return pod(name, phase="Failed" if exit_code else "Succeeded", agent=agent, **facts)


def view(of: Task | None = None, **facts: Any) -> TaskView:
    """What the planner sees of a Task; its status is the Task's own."""
    of = of or task()
    status = facts.pop("status", None)
    if status is None:
        status = of.status.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return TaskView(task=of, status=status, now=facts.pop("now", NOW), **facts)
