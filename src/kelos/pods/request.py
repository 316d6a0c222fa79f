"""What a Job is built from: the Task and everything it refers to, already read and already decided."""

from __future__ import annotations

from dataclasses import dataclass

from kelos.api.agent_config import AgentConfig
from kelos.api.task import Task
from kelos.api.workspace import Workspace
from kelos.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """`prompt` is the rendered text; locks are the values of their labels, empty without a lock.

    `token_secret` is the Task's own Secret with an installation token; empty when the Workspace's Secret holds a token.
    """

    task: Task
    prompt: str
    workspace: Workspace | None = None
    agent_configs: tuple[AgentConfig, ...] = ()
    branch_lock: str = ""
    workspace_lock: str = ""
    token_secret: str = ""
    settings: Settings

    @property
    def git_secret(self) -> str:
        """The Secret whose key GITHUB_TOKEN opens the repository; empty when none is needed."""
        ref = self.workspace.spec.secret_ref if self.workspace is not None else None
        return self.token_secret or (ref.name if ref is not None else "")


def escaped(text: str) -> str:
    """Text that Kubernetes hands on unchanged in `args` and `env`: `$(NAME)` stays `$(NAME)`."""
    return text.replace("$", "$$")
