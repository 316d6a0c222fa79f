"""Where a pod comes from: what its Task's record will say, carried by the pod for the case that the Task is gone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from kelos.api import names
from kelos.api.task import Task

TEXT_LIMIT = 500
LIMIT_BYTES = 16 * 1024
"""Labels of a Task are as many as somebody likes; what does not fit into a pod's annotation is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who or what a Task worked for. Empty where the Task does not say it."""

    agent_type: str = ""
    model: str = ""
    workspace: str = ""
    branch: str = ""
    triggered_by: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def origin_of(task: Task) -> Origin:
    worker = task.spec.effective
    return Origin(
        agent_type=worker.agent_type.value if worker.agent_type is not None else "",
        model=_line(worker.model),
        workspace=worker.workspace_name,
        branch=_line(task.spec.branch or ""),
        triggered_by=_line(task.meta.annotations.get(names.ANNOTATION_TRIGGERED_BY, "")),
        labels=task.meta.labels,
    )


def encode(origin: Origin) -> str:
    fields = asdict(origin)
    text = json.dumps(fields)
    return text if len(text) <= LIMIT_BYTES else json.dumps({**fields, "labels": {}})


def decode(text: str) -> Origin:
    """What `encode` wrote; as much of it as makes sense when somebody else did."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return Origin()
    if not isinstance(found, dict):
        return Origin()
    labels = found.get("labels")
    known = ("agent_type", "model", "workspace", "branch", "triggered_by")
    return Origin(
        **{name: _line(found[name]) for name in known if isinstance(found.get(name), str)},
        labels={str(k): str(v) for k, v in labels.items()} if isinstance(labels, dict) else {},
    )


def _line(text: str) -> str:
    """A line of somebody else's text, short and without control characters."""
    return "".join(c for c in text if c.isprintable())[:TEXT_LIMIT]
