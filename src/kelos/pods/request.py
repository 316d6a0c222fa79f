"""What a Job is built from: the Task and everything it refers to, already read and already decided."""

from __future__ import annotations

from dataclasses import dataclass

from kelos.api.agent_config import AgentConfig
from kelos.api.task import Task
from kelos.api.workspace import Workspace
from kelos.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """`prompt` is the rendered text; `branch_lock` the lock's label value, empty without a lock."""

    task: Task
    prompt: str
    workspace: Workspace | None = None
    agent_configs: tuple[AgentConfig, ...] = ()
    branch_lock: str = ""
    settings: Settings


def escaped(text: str) -> str:
    """Text that Kubernetes hands on unchanged in `args` and `env`: `$(NAME)` stays `$(NAME)`."""
    return text.replace("$", "$$")
