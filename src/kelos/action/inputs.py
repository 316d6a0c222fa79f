"""What the step was told: the inputs of `action.yml` and the facts of the workflow run, checked and typed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from kelos.api.checks import duration_seconds, excerpt
from kelos.errors import UserError

PREFIX = "KELOS_INPUT_"
DEFAULT_TIMEOUT_SECONDS = 3600
PERMISSIONS = ("none", "read", "triage", "write", "maintain", "admin")
LEASE_LIMIT_SECONDS = 24 * 3600  # the controller takes no longer one for a promise


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionInputs:
    """One field per input of `action.yml`; durations are seconds, None means "not said"."""

    prompt: str = ""
    prompt_file: str = ""
    context: str = ""
    context_file: str = ""
    task_file: str = ""
    type: str = ""
    model: str = ""
    effort: str = ""
    image: str = ""
    workspace: str = ""
    agent_config: tuple[str, ...] = ()
    branch: str = ""
    depends_on: tuple[str, ...] = ()
    credentials_secret: str = ""
    credentials_type: str = ""
    namespace: str = ""
    kubeconfig: str = field(default="", repr=False)
    kube_context: str = ""
    server: str = ""
    ca: str = ""
    oidc_audience: str = ""
    name: str = ""
    mode: str = "cluster"
    wait: bool = True
    timeout: int | None = None
    start_timeout: int | None = None
    wait_timeout: int | None = None
    on_timeout: str = "cancel"
    on_cancel: str = "cancel"
    lease: int = 180
    api_outage_timeout: int = 600
    poll_interval: int = 5
    required_permission: str = "write"
    allowed_bots: tuple[str, ...] = ()
    on_untrusted: str = "skip"
    allow_pull_request_target: bool = False
    github_token: str = field(default="", repr=False)
    on_rerun: str = "new"
    on_failure: str = "fail"
    ttl: int | None = None
    logs: str = "stream"
    log_format: str = "pretty"
    log_max_bytes: int = 5 * 1024 * 1024
    require_results: tuple[str, ...] = ()
    summary: str = "metadata"
    dry_run: bool = False

    @property
    def lease_seconds(self) -> int:
        """How long the Task may run without a sign of life; 0 for ever, where it shall outlive this step."""
        return self.lease if self.wait and self.on_cancel != "detach" else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """The run that the step belongs to; everything is empty outside a runner."""

    repository: str = ""
    run_id: str = ""
    attempt: str = "1"
    job: str = ""
    leg: str = ""
    name: str = ""
    actor: str = ""
    event: str = ""
    sha: str = ""
    server_url: str = "https://github.com"
    folder: Path = Path()
    is_actions: bool = False

    @property
    def url(self) -> str:
        return f"{self.server_url}/{self.repository}/actions/runs/{self.run_id}" if self.repository else ""

    def triggered_by(self) -> str:
        """The annotation that says who asked; two submissions are the same exactly when it is equal."""
        facts = {
            "kind": "github-actions",
            "repository": self.repository,
            "run": self.run_id,
            "attempt": self.attempt,
            "job": self.job,
            "leg": self.leg,
            "workflow": self.name,
            "actor": self.actor,
            "event": self.event,
            "sha": self.sha,
            "url": self.url,
        }
        return json.dumps({key: value for key, value in facts.items() if value}, separators=(",", ":"))


def env_name(input_name: str) -> str:
    """The variable through which `action.yml` hands on an input: `prompt-file` is KELOS_INPUT_PROMPT_FILE."""
    return PREFIX + input_name.upper().replace("-", "_")


def read_inputs(env: Mapping[str, str]) -> ActionInputs:
    """The inputs, typed; a UserError names the input that is wrong and what it may be."""
    said: dict[str, Any] = {}
    for one in fields(ActionInputs):
        kebab = one.name.replace("_", "-")
        text = env.get(env_name(kebab), "")
        if text.strip():
            _check_unicode(text, kebab)
            parse = _PARSERS.get(kebab)
            said[one.name] = parse(text, kebab) if parse else (text if kebab in _TEXTS else text.strip())
    inputs = ActionInputs(**said)
    _check_together(inputs)
    return inputs


def read_workflow(env: Mapping[str, str], *, run_id: str) -> Workflow:
    """The facts of the run from the runner's variables; `run_id` stands in where there is no runner."""
    leg = (env.get("GITHUB_JOB"), env.get("KELOS_MATRIX"), env.get("KELOS_CHECK_RUN_ID"))
    use = (env.get("GITHUB_ACTION"), env.get("KELOS_USE"))
    return Workflow(
        repository=env.get("GITHUB_REPOSITORY", ""),
        run_id=env.get("GITHUB_RUN_ID") or run_id,
        attempt=env.get("GITHUB_RUN_ATTEMPT") or "1",
        job=env.get("GITHUB_JOB", ""),
        leg="/".join(part or "" for part in (*leg, *use)),
        name=env.get("GITHUB_WORKFLOW", ""),
        actor=env.get("GITHUB_TRIGGERING_ACTOR") or env.get("GITHUB_ACTOR", ""),
        event=env.get("GITHUB_EVENT_NAME", ""),
        sha=env.get("GITHUB_SHA", ""),
        server_url=env.get("GITHUB_SERVER_URL") or "https://github.com",
        folder=Path(env.get("GITHUB_WORKSPACE") or "."),
        is_actions=env.get("GITHUB_ACTIONS") == "true",
    )


def _check_unicode(text: str, name: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"The input `{name}` is not UTF-8 at character {error.start}: save it as UTF-8") from error


def _check_together(inputs: ActionInputs) -> None:
    if inputs.prompt and inputs.prompt_file:
        raise UserError("The inputs `prompt` and `prompt-file` are both set: leave out one of them")
    if not (inputs.prompt or inputs.prompt_file or inputs.task_file):
        raise UserError("There is nothing to do: set one of the inputs `prompt`, `prompt-file` and `task-file`")
    if inputs.lease and not 30 <= inputs.lease <= LEASE_LIMIT_SECONDS:
        raise UserError(f"The input `lease` is {inputs.lease}s: it must be 0 for none, or between 30s and 24h")
    if inputs.poll_interval < 1:
        raise UserError("The input `poll-interval` is 0s: it must be at least 1s")
    if inputs.mode == "local" and (inputs.kubeconfig or inputs.kube_context or inputs.server):
        raise UserError(
            "The input `mode` is local, which has its own server: leave out `kubeconfig`, `kube-context` and `server`"
        )
    if inputs.server and (inputs.kubeconfig or inputs.kube_context):
        raise UserError("The inputs `server` and `kubeconfig` are both set: leave out one of them")
    if (inputs.ca or inputs.oidc_audience) and not inputs.server:
        raise UserError("The inputs `ca` and `oidc-audience` belong to `server`, which is empty: set it")
    if inputs.mode == "local" and not inputs.wait:
        raise UserError("The input `wait` is false in mode local, where the Task ends with the step: leave it out")


def _choice(*allowed: str) -> Callable[[str, str], str]:
    def parse(text: str, name: str) -> str:
        if text.strip() not in allowed:
            raise UserError(f"The input `{name}` is '{excerpt(text.strip())}': it must be one of {', '.join(allowed)}")
        return text.strip()

    return parse


def _flag(text: str, name: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise UserError(f"The input `{name}` is '{excerpt(text.strip())}': it must be true or false")
    return word == "true"


def _names(text: str, name: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"[,\s]+", text) if part)


def _bots(text: str, name: str) -> tuple[str, ...]:
    """Names as GitHub shows them, with or without `[bot]`; a wildcard would let in every stranger's app."""
    names = _names(text, name)
    for bot in names:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*(\[bot\])?", bot):
            raise UserError(
                f"The input `{name}` holds '{excerpt(bot)}': write the names of bots, such as renovate[bot]"
            )
    return names


def _size(text: str, name: str) -> int:
    match = re.fullmatch(r"([0-9]{1,12})(KiB|MiB)?", text.strip(), re.ASCII)
    if match is None:
        raise UserError(f"The input `{name}` is '{excerpt(text.strip())}': write a number of bytes, or like 5MiB")
    return int(match[1]) * {"KiB": 1024, "MiB": 1024**2}.get(match[2], 1)


def _duration(text: str, name: str) -> int:
    return duration_seconds(text, f"The input `{name}`")


_TEXTS = ("prompt", "context")  # every character of these counts
_PARSERS: dict[str, Callable[[str, str], Any]] = {
    "agent-config": _names,
    "depends-on": _names,
    "require-results": _names,
    "allowed-bots": _bots,
    "required-permission": _choice(*PERMISSIONS),
    "on-untrusted": _choice("skip", "fail"),
    "allow-pull-request-target": _flag,
    "mode": _choice("cluster", "local"),
    "on-timeout": _choice("cancel", "detach"),
    "on-cancel": _choice("cancel", "detach", "delete"),
    "on-rerun": _choice("new", "adopt"),
    "on-failure": _choice("fail", "warn"),
    "logs": _choice("stream", "on-failure", "none"),
    "log-format": _choice("pretty", "raw"),
    "log-max-bytes": _size,
    "summary": _choice("metadata", "full", "none"),
    "wait": _flag,
    "dry-run": _flag,
    "timeout": _duration,
    "start-timeout": _duration,
    "wait-timeout": _duration,
    "lease": _duration,
    "api-outage-timeout": _duration,
    "poll-interval": _duration,
    "ttl": _duration,
}
