"""Manifests ⇄ models. Parsing passes over what it does not know; a re-dumped model is never sent to a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kelos.api.agent_config import AgentConfig
from kelos.api.kinds import Manifest
from kelos.api.meta import Object
from kelos.api.task import Task
from kelos.api.task_spawner import TaskSpawner
from kelos.api.workspace import Workspace
from kelos.errors import UserError

_Kind = TypeVar("_Kind", bound=Object)

_SENTENCES = {
    "missing": "is required",
    "enum": "must be one of {expected}",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
}


def parse_task(manifest: Manifest) -> Task:
    """The Task; raises UserError naming object and field. A status we do not understand counts as not written."""
    return _parse(Task, manifest)


def parse_workspace(manifest: Manifest) -> Workspace:
    """The Workspace; raises UserError naming object and field."""
    return _parse(Workspace, manifest)


def parse_agent_config(manifest: Manifest) -> AgentConfig:
    """The AgentConfig; raises UserError naming object and field."""
    return _parse(AgentConfig, manifest)


def parse_task_spawner(manifest: Manifest) -> TaskSpawner:
    """The TaskSpawner; raises UserError naming object and field. Its status is read as a Task's is."""
    return _parse(TaskSpawner, manifest)


def dump(model: BaseModel) -> Manifest:
    """The fields that were set, as JSON types under their manifest names; good for a status or a new object."""
    dumped: Manifest = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return dumped


def _parse(kind: type[_Kind], manifest: Manifest) -> _Kind:
    try:
        return kind.model_validate(manifest, by_alias=True, by_name=False)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    broken = {str(problem["loc"][1]) for problem in problems if _is_in_status(problem)}
    rest = [problem for problem in problems if not _is_in_status(problem)]
    if rest:
        raise UserError(f"{kind.__name__} '{_name_of(manifest)}': {'; '.join(map(_sentence, rest))}")
    return _parse(kind, {**manifest, "status": _without(manifest["status"], broken)})


def _is_in_status(problem: ErrorDetails) -> bool:
    return len(problem["loc"]) > 1 and problem["loc"][0] == "status"


def _without(status: Mapping[str, Any], names: set[str]) -> Mapping[str, Any]:
    return {name: value for name, value in status.items() if name not in names}


def _name_of(manifest: Manifest) -> str:
    meta = manifest.get("metadata")
    name = meta.get("name") or meta.get("generateName") if isinstance(meta, Mapping) else None
    return str(name or "")


def _sentence(problem: ErrorDetails) -> str:
    template = _SENTENCES.get(problem["type"])
    text = template.format(**problem.get("ctx", {})) if template else problem["msg"]
    return f"{field_path(problem['loc'])} {text}"


def field_path(location: tuple[int | str, ...]) -> str:
    """A field as people write it: `spec.mcpServers[0].name`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.lstrip(".")
