"""One call of `kelos run`: flags over the config file become the Task to create."""

from __future__ import annotations

import secrets
import string
from functools import cached_property

from kelos.agents.registry import find_agent
from kelos.api.checks import duration_seconds
from kelos.api.kinds import TASK, Manifest
from kelos.api.manifest import DEFAULT_AGENT_TYPE, TaskRequest, build_task
from kelos.api.pod_request import PodRequest
from kelos.cli.cancel import user_name
from kelos.cli.credentials import Prepared, prepare
from kelos.cli.documents import read_text
from kelos.cli.settings import Context
from kelos.errors import UserError

TOKEN_TYPES = ("api-key", "oauth")


class Call:
    """One call of the command: flags over the config file."""

    def __init__(self, settings: Context, flags: dict[str, object]) -> None:
        self.settings = settings
        self.flags = flags
        self.name = str(flags["name"] or f"task-{_letters(5)}")
        self.files = _words(flags["files"])
        if self.files and not flags["local"]:
            raise UserError("--filename belongs to --local; in a cluster use 'kelos apply -f' first")

    @property
    def is_followed(self) -> bool:
        return bool(self.flags["wait"] or self.flags["watch"] or self.flags["local"])

    @property
    def agent_type(self) -> str:
        return self._text("agent_type") or self.settings.config.type or DEFAULT_AGENT_TYPE

    def prepared(self, namespace: str) -> Prepared:
        """What the Task refers to. Raises UserError when nobody said how the agent signs in."""
        agent = find_agent(self.agent_type)
        ready = prepare(
            self.settings.config,
            agent_type=self.agent_type,
            secret=self._text("secret"),
            credential_type=self._text("credential_type"),
            workspace=self._text("workspace"),
            namespace=namespace,
        )
        if not ready.credentials_type and any(agent.credential_env(kind) for kind in TOKEN_TYPES):
            raise UserError(
                f"Agent '{self.agent_type}' has no credentials: name a Secret with --secret, write its token into the "
                "config file ('kelos init' makes one), or say --credential-type none"
            )
        return ready

    def task(self, namespace: str, prepared: Prepared | None = None) -> Manifest:
        """The manifest to create. Raises UserError."""
        prompt, config = self.prompt, self.settings.config
        ready = prepared or self.prepared(namespace)
        agent_configs = _words(self.flags["agent_configs"]) or ((config.agent_config,) if config.agent_config else ())
        timeout, start_timeout = self._text("timeout"), self._text("start_timeout")
        return build_task(
            TaskRequest(
                prompt=prompt,
                name=self.name,
                namespace=namespace,
                agent_type=self.agent_type,
                credentials_type=ready.credentials_type,
                credentials_secret=ready.credentials_secret,
                model=self._text("model") or config.model,
                effort=self._text("effort") or config.effort,
                image=self._text("image"),
                workspace=ready.workspace,
                agent_configs=agent_configs,
                depends_on=_words(self.flags["depends_on"]),
                branch=self._text("branch"),
                base_ref=self._text("base_ref"),
                pod=PodRequest(env=self._env()),
                timeout_seconds=duration_seconds(timeout, "--timeout") if timeout else None,
                start_timeout_seconds=duration_seconds(start_timeout, "--start-timeout") if start_timeout else None,
                triggered_by=f"cli:{user_name()}",
                base=self._base(),
            )
        )

    @cached_property
    def prompt(self) -> str:
        """Read once: it may come from standard input."""
        prompt, file = self.flags["prompt"], self.flags["prompt_file"]
        if (prompt is None) == (file is None):
            raise UserError("Give the prompt with either --prompt or --prompt-file")
        return str(prompt) if prompt is not None else read_text(str(file))

    def _base(self) -> Manifest | None:
        """The config file's variables; the last of a name counts, and a flag of that name wins."""
        if not self.settings.config.env:
            return None
        env = {entry["name"]: dict(entry) for entry in self.settings.config.env}
        spec = {"podOverrides": {"env": list(env.values())}}
        return {"apiVersion": TASK.api_version, "kind": TASK.kind, "spec": spec}

    def _env(self) -> tuple[tuple[str, str], ...]:
        found = {}
        for item in _words(self.flags["env"]):
            name, equals, value = item.partition("=")
            if not equals or not name:
                raise UserError(f"--env '{name}' must be written NAME=VALUE")
            found[name] = value
        return tuple(found.items())

    def _text(self, flag: str) -> str:
        return str(self.flags[flag] or "")


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, (tuple, list)) else ()


def _letters(count: int) -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(count))
