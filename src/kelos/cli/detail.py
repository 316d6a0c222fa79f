"""`kelos get KIND NAME --detail`: one resource for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from kelos.api.kinds import TASK, TASK_SPAWNER, Manifest
from kelos.api.reasons import warning_of
from kelos.cli.kinds import agent_configs, worker, workspace_of
from kelos.cli.output import task_duration, to_yaml
from kelos.cli.spawners import spawner_lines

LABEL_WIDTH = 20


def describe(manifest: Manifest, now: datetime) -> str:
    """Labelled lines for Tasks and TaskSpawners; YAML of the spec for everything else."""
    if manifest.get("kind") == TASK.kind:
        return _lines(_task(manifest, now))
    if manifest.get("kind") == TASK_SPAWNER.kind:
        return _lines(spawner_lines(manifest))
    meta = manifest["metadata"]
    head = _line("Name", meta["name"]) + _line("Namespace", meta.get("namespace", ""))
    return head + to_yaml(manifest.get("spec") or {})


def _task(task: Manifest, now: datetime) -> Iterator[tuple[str, object]]:
    meta, spec, status = task["metadata"], task.get("spec") or {}, task.get("status") or {}
    credentials = worker(task, "credentials")
    credentials = credentials if isinstance(credentials, dict) else {}
    yield "Name", meta["name"]
    yield "Namespace", meta.get("namespace")
    yield "Type", worker(task, "type")
    yield "Phase", status.get("phase")
    yield "Reason", status.get("reason")
    yield "Message", status.get("message")
    yield "Advice", (status.get("diagnosis") or {}).get("advice")
    yield "Prompt", spec.get("prompt")
    yield "Warning", warning_of(task) or None
    yield "Secret", (credentials.get("secretRef") or {}).get("name")
    yield "Credential Type", credentials.get("type")
    yield "Model", worker(task, "model")
    yield "Image", worker(task, "image")
    yield "Branch", spec.get("branch")
    yield "Base Ref", spec.get("baseRef")
    yield "Depends On", ", ".join(spec.get("dependsOn") or ())
    yield "Workspace", workspace_of(task)
    yield "Agent Configs", ", ".join(agent_configs(task))
    yield "TTL", _seconds(spec.get("ttlSecondsAfterFinished"))
    yield "Timeout", _seconds(spec.get("timeoutSeconds") or _deadline(task))
    yield "Job", status.get("jobName")
    yield "Pod", status.get("podName")
    yield "Attempts", len(status.get("attempts") or ()) or None
    yield "Start Time", status.get("startTime")
    yield "Completion Time", status.get("completionTime")
    yield "Duration", task_duration(task, now) if status.get("startTime") else None
    usage = status.get("usage") or {}
    yield "Cost", f"{usage['cost']} USD" if "cost" in usage else None
    yield "Tokens", _tokens(usage)
    yield "Outputs", "\n".join(status.get("outputs") or ())
    results = status.get("results") or {}
    yield "Results", "\n".join(f"{key}={value}" for key, value in sorted(results.items()) if key != "response")


def _deadline(task: Manifest) -> object:
    overrides = worker(task, "podOverrides")
    return overrides.get("activeDeadlineSeconds") if isinstance(overrides, dict) else None


def _tokens(usage: Manifest) -> str:
    words = {
        "input": "inputTokens",
        "cache read": "cacheReadTokens",
        "cache write": "cacheWriteTokens",
        "output": "outputTokens",
    }
    return ", ".join(f"{usage[field]} {word}" for word, field in words.items() if field in usage)


def _seconds(value: object) -> str | None:
    return f"{value}s" if value is not None else None


def _lines(pairs: Iterable[tuple[str, object]]) -> str:
    return "".join(_line(label, value) for label, value in pairs if value not in (None, "", []))


def _line(label: str, value: object) -> str:
    lines = [_clean(line) for line in str(value).splitlines()] or [""]
    first, *rest = lines
    margin = " " * LABEL_WIDTH
    return f"{label + ':':<{LABEL_WIDTH}}{first}\n" + "".join(f"{margin}{line}\n" for line in rest)


def _clean(line: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else " " for c in line)
