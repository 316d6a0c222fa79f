"""The kinds a command line may name, and their columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from kelos.api.kinds import AGENT_CONFIG, TASK, TASK_RECORD, TASK_SPAWNER, WORKSPACE, Kind, Manifest
from kelos.cli.output import age, moment, short_duration, task_duration
from kelos.cli.spawners import source_of
from kelos.errors import UserError

Row = Callable[[Manifest, datetime], Sequence[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind with the words people use for it and how it looks in a table; `total` is said below one, in the talk.

    `row` has cells for `header` and for `more`, which only a wide table shows.
    """

    kind: Kind
    words: tuple[str, ...]
    header: tuple[str, ...]
    row: Row
    more: tuple[str, ...] = ()
    order: Callable[[Manifest], str] | None = None
    total: Callable[[Sequence[Manifest]], str] | None = None


def worker(task: Manifest, field: str) -> object:
    """A doubled field of a Task: below `worker` first, else flat."""
    spec = task.get("spec") or {}
    return (spec.get("worker") or {}).get(field) or spec.get(field)


def agent_configs(task: Manifest) -> list[str]:
    refs = worker(task, "agentConfigRefs")
    single = (task.get("spec") or {}).get("agentConfigRef")
    return [ref["name"] for ref in (refs if isinstance(refs, list) else [single] if single else [])]


def workspace_of(task: Manifest) -> str:
    ref = worker(task, "workspaceRef")
    return str(ref.get("name", "")) if isinstance(ref, dict) else ""


def _task(task: Manifest, now: datetime) -> Sequence[object]:
    status = task.get("status") or {}
    return (
        task["metadata"]["name"],
        worker(task, "type"),
        status.get("phase"),
        status.get("reason"),
        task["spec"].get("branch"),
        workspace_of(task),
        ",".join(agent_configs(task)),
        task_duration(task, now),
        age(task, now),
        status.get("message"),
    )


def _task_spawner(spawner: Manifest, now: datetime) -> Sequence[object]:
    spec, status = spawner["spec"], spawner.get("status") or {}
    looked = moment(status.get("lastDiscoveryTime"))
    return (
        spawner["metadata"]["name"],
        source_of(spawner),
        "Suspended" if spec.get("suspend") else status.get("phase"),
        status.get("activeTasks"),
        status.get("totalDiscovered"),
        status.get("totalTasksCreated"),
        age(spawner, now),
        workspace_of({"spec": spec.get("taskTemplate")}),
        short_duration(now - looked) if looked is not None else None,
        status.get("message"),
    )


def _workspace(workspace: Manifest, now: datetime) -> Sequence[object]:
    spec = workspace["spec"]
    return workspace["metadata"]["name"], spec.get("repo"), spec.get("ref"), age(workspace, now)


def _agent_config(config: Manifest, now: datetime) -> Sequence[object]:
    spec = config.get("spec") or {}
    counts = (len(spec.get(field) or ()) for field in ("plugins", "skills", "mcpServers"))
    return config["metadata"]["name"], *counts, age(config, now)


def _task_record(record: Manifest, now: datetime) -> Sequence[object]:
    spec = record["spec"]
    usage = spec.get("usage") or {}
    cached = [usage[field] for field in ("cacheReadTokens", "cacheWriteTokens") if field in usage]
    ended = moment(spec.get("completionTime"))
    return (
        spec["taskRef"]["name"],
        spec.get("phase"),
        spec.get("type"),
        spec.get("model"),
        usage.get("cost"),
        usage.get("inputTokens"),
        sum(cached) if cached else None,
        usage.get("outputTokens"),
        spec.get("branch"),
        spec.get("triggeredBy"),
        short_duration(now - ended) if ended is not None else None,
    )


def _ended_at(record: Manifest) -> str:
    return str(record["spec"].get("completionTime") or "")


def _bill(records: Sequence[Manifest]) -> str:
    """What they come to; costs that no agent named are nothing here."""
    costs = [cost for record in records if (cost := (record["spec"].get("usage") or {}).get("cost")) is not None]
    unnamed = len(records) - len(costs)
    rest = f"; {unnamed} of them named no cost" if unnamed else ""
    noun = "record" if len(records) == 1 else "records"
    return f"{len(records)} {noun}, {format(sum(map(Decimal, costs), Decimal()).normalize(), 'f')} USD{rest}"


RESOURCES = (
    Resource(
        kind=TASK,
        words=("task", "tasks"),
        header=("NAME", "TYPE", "PHASE", "REASON", "BRANCH", "WORKSPACE", "AGENT CONFIG", "DURATION", "AGE"),
        row=_task,
        more=("MESSAGE",),
    ),
    Resource(
        kind=TASK_SPAWNER,
        words=("taskspawner", "taskspawners", "ts"),
        header=("NAME", "SOURCE", "PHASE", "ACTIVE", "DISCOVERED", "TASKS", "AGE"),
        row=_task_spawner,
        more=("WORKSPACE", "LAST DISCOVERY", "MESSAGE"),
    ),
    Resource(
        kind=WORKSPACE,
        words=("workspace", "workspaces", "ws"),
        header=("NAME", "REPO", "REF", "AGE"),
        row=_workspace,
    ),
    Resource(
        kind=AGENT_CONFIG,
        words=("agentconfig", "agentconfigs", "ac"),
        header=("NAME", "PLUGINS", "SKILLS", "MCP SERVERS", "AGE"),
        row=_agent_config,
    ),
    Resource(
        kind=TASK_RECORD,
        words=("taskrecord", "taskrecords", "tr"),
        header=(
            "TASK",
            "PHASE",
            "TYPE",
            "MODEL",
            "COST",
            "INPUT",
            "CACHED",
            "OUTPUT",
            "BRANCH",
            "TRIGGERED BY",
            "ENDED",
        ),
        row=_task_record,
        order=_ended_at,
        total=_bill,
    ),
)


def find_resource(word: str) -> Resource:
    """The resource a word means. Raises UserError naming what is known."""
    for resource in RESOURCES:
        if word.lower().removesuffix(f".{resource.kind.group}") in resource.words:
            return resource
    known = ", ".join(resource.words[0] for resource in RESOURCES)
    raise UserError(f"'{word}' is no resource of kelos; use one of {known}")
