"""What the agent container is asked for: its environment and the files that it names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kelos.agents.protocol import Agent, AgentRequest
from kelos.agents.registry import find_agent
from kelos.api import names
from kelos.api.reasons import Reason
from kelos.errors import UserError
from kelos.runner.command import runner_command
from kelos.runner.execution.mcp import read_servers
from kelos.runner.execution.plugins import find_plugins
from kelos.runner.failure import Failure

SETUP_MALFORMED = 2
GRACE_SECONDS = 8.0  # of the pod's 20: the rest is for git and the outcome

# What the agent has no use for: it is in files by now, or it is the runner's own.
CONSUMED = (names.ENV_AGENTS_MD, names.ENV_MCP_SERVERS, names.ENV_TERMINATION_LOG, names.ENV_TERMINATION_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """`timeout_seconds` None means no limit of our own; `setup_command` is empty when there is none."""

    agent: Agent
    agent_request: AgentRequest
    workdir: str
    setup_command: tuple[str, ...]
    timeout_seconds: float | None
    grace_seconds: float
    env: Mapping[str, str]
    secrets: frozenset[str]

    @property
    def base_branch(self) -> str:
        return self.env.get(names.ENV_BASE_BRANCH, "")

    @property
    def upstream(self) -> str:
        return self.env.get(names.ENV_UPSTREAM_REPO, "")


def read_request(env: Mapping[str, str], arguments: list[str]) -> LaunchRequest:
    """Raises Failure when something is missing or wrong; the text names it."""
    try:
        agent = find_agent(env.get(names.ENV_AGENT_TYPE) or "claude-code")
    except UserError as error:
        raise _invalid(str(error)) from error
    workdir = env.get(names.ENV_WORKSPACE_DIR) or os.getcwd()
    if not os.path.isdir(workdir):
        raise _invalid(f"The checkout '{workdir}' does not exist; the preparing container did not make it")
    # The variable first: without containers, mount paths are true in the environment only. A long one has no variable.
    servers, secrets = read_servers(env.get(names.ENV_MCP_SERVERS, "") or _input(env, names.INPUT_MCP))
    return LaunchRequest(
        agent=agent,
        agent_request=AgentRequest(
            prompt=_prompt(env, arguments),
            prompt_path=env.get(names.ENV_PROMPT_FILE, ""),
            model=env.get(names.ENV_MODEL, ""),
            effort=env.get(names.ENV_EFFORT, ""),
            home=_home(env),
            workdir=workdir,
            agents_md=_input(env, names.INPUT_AGENTS_MD) or env.get(names.ENV_AGENTS_MD, ""),
            mcp_servers=servers,
            plugins=find_plugins(env.get(names.ENV_PLUGIN_DIR, "")),
            env=env,
            is_root=os.geteuid() == 0,
            runner=runner_command(),
        ),
        workdir=workdir,
        setup_command=_setup_command(env.get(names.ENV_SETUP_COMMAND, "")),
        timeout_seconds=_seconds(env, names.ENV_TIMEOUT_SECONDS),
        grace_seconds=_seconds(env, names.ENV_GRACE_SECONDS) or GRACE_SECONDS,
        env=env,
        secrets=secrets,
    )


def _prompt(env: Mapping[str, str], arguments: list[str]) -> str:
    if path := env.get(names.ENV_PROMPT_FILE):
        try:
            prompt = Path(path).read_bytes().decode("utf-8", "surrogateescape")
        except OSError as error:
            raise _invalid(f"The prompt file '{path}' cannot be read: {error.strerror}") from error
    else:
        prompt = arguments[0] if arguments else ""
    if not prompt.strip():
        raise _invalid("The prompt is empty; set the Task's spec.prompt")
    return prompt


def _home(env: Mapping[str, str]) -> str:
    home = env.get(names.ENV_HOME) or os.path.expanduser("~")
    try:
        os.makedirs(home, mode=0o700, exist_ok=True)
    except OSError as error:
        raise _invalid(
            f"The home folder '{home}' cannot be made: {error.strerror}; set HOME to a writable one"
        ) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise _invalid(f"The home folder '{home}' cannot be written; set HOME to a writable one")
    return home


def _input(env: Mapping[str, str], name: str) -> str:
    folder = env.get(names.ENV_INPUTS_DIR)
    path = Path(folder, name) if folder else None
    try:
        return path.read_text("utf-8") if path is not None and path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(f"The input file '{path}' cannot be read: {error}") from error


def _setup_command(text: str) -> tuple[str, ...]:
    if not text:
        return ()
    try:
        found: Any = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not found or not all(isinstance(word, str) for word in found) or not found[0]:
        raise Failure(
            Reason.SETUP_FAILED,
            "The Workspace's setupCommand is no list of words; write it like ['make', 'deps']",
            exit_code=SETUP_MALFORMED,
        )
    return tuple(found)


def _seconds(env: Mapping[str, str], name: str) -> float | None:
    text = env.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text[:12]) < 1:
        raise _invalid(f"{name} '{text[:40]}' is no number of seconds greater than 0")
    return float(int(text[:12]))


def _invalid(message: str) -> Failure:
    return Failure(Reason.INVALID_SPEC, message)
