"""A TaskSpawner for a person: its source in a few words, and all that counts of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kelos.api.kinds import Manifest
from kelos.errors import UserError

if TYPE_CHECKING:
    from kelos.api.task_spawner import TaskSpawner, TaskSpawnerSpec

Lines = Iterator[tuple[str, object]]


def source_of(spawner: Manifest) -> str:
    """Where its work comes from, for a table."""
    when = (spawner.get("spec") or {}).get("when") or {}
    match next(iter(when.items()), ("", {})):
        case "githubIssues", _:
            return "GitHub Issues"
        case "githubPullRequests", _:
            return "GitHub Pull Requests"
        case "jira", jira:
            return str(jira.get("project", "Jira"))
        case "cron", cron:
            return f"cron: {cron.get('schedule', '')}"
        case "githubWebhook", webhook:
            repository = webhook.get("repository")
            return f"GitHub Webhook ({repository})" if repository else "GitHub Webhook"
        case "linearWebhook", _:
            return "Linear Webhook"
        case "webhook", webhook:
            return f"Generic Webhook ({webhook.get('source', '')})"
    return ""


def spawner_lines(manifest: Manifest) -> Lines:
    """What counts, wherever it was written, and how it is doing."""
    from kelos.api.codec import parse_task_spawner

    status = manifest.get("status") or {}
    yield "Name", manifest["metadata"]["name"]
    yield "Namespace", manifest["metadata"].get("namespace")
    yield "Phase", status.get("phase")
    yield "Message", status.get("message")
    try:
        spawner = parse_task_spawner(manifest)
        yield from [*_source(manifest, spawner), *_template(spawner.spec), *_limits(spawner.spec)]
    except UserError as mistake:
        yield "Mistake", mistake
    yield "Deployment", status.get("deploymentName")
    yield "CronJob", status.get("cronJobName")
    yield "Active Tasks", status.get("activeTasks")
    yield "Discovered", status.get("totalDiscovered")
    yield "Tasks Created", status.get("totalTasksCreated")
    yield "Last Discovery", status.get("lastDiscoveryTime")
    yield "Conditions", "\n".join(map(_condition, status.get("conditions") or ()))


def _source(manifest: Manifest, spawner: TaskSpawner) -> Lines:
    when = spawner.spec.when
    written: Mapping[str, Any] = manifest["spec"]["when"][when.kind.value]
    yield "Source", source_of(manifest)
    for field, value in written.items():
        if field != "pollInterval":
            yield f"  {field}", _short(value)
    if not when.kind.is_pushed and when.kind != "cron":
        yield "Poll Interval", f"{spawner.spec.poll_seconds}s"


def _template(spec: TaskSpawnerSpec) -> Lines:
    worker = spec.task_template.effective
    credentials = worker.credentials
    yield "Workspace", worker.workspace_name
    yield "Task Type", worker.agent_type.value if worker.agent_type else None
    yield "Model", worker.model
    yield "Image", worker.image
    yield "Agent Configs", ", ".join(worker.agent_config_names)
    yield "Secret", credentials.secret_ref.name if credentials and credentials.secret_ref else None
    yield "Credentials", ", ".join(f"{one.name} ({one.secret_ref.name})" for one in spec.credentials)
    yield "Branch", spec.task_template.branch
    yield "Prompt", spec.task_template.prompt
    ttl = spec.task_template.ttl_seconds_after_finished
    yield "TTL", f"{ttl}s" if ttl is not None else None


def _limits(spec: TaskSpawnerSpec) -> Lines:
    retry = spec.retry_policy
    yield "Suspended", "yes" if spec.suspend else "no"
    yield "Isolation", spec.isolation.value
    yield "Max Concurrency", spec.concurrency_limit or "no limit"
    yield "Max Total Tasks", spec.total_limit or "no limit"
    yield "Retries", f"{retry.max_retries}, after {retry.backoff_seconds}s" if retry.max_retries else "none"


def _short(value: object) -> object:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, dict | list):
        import json

        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else value


def _condition(condition: Manifest) -> str:
    words = [f"{condition.get('type')}: {condition.get('status')}"]
    if condition.get("reason"):
        words.append(f"({condition['reason']})")
    return " ".join([*words, str(condition.get("message") or "")]).rstrip()
