"""What the step was told: the inputs of `action.yml`, checked and typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from kelos.action.given.demands import Demands
from kelos.action.given.pairs import (
    node_selector,
    resources,
    secret_variables,
    task_annotations,
    task_labels,
    variables,
)
from kelos.action.given.parsers import (
    RETRIES_LIMIT,
    bots,
    choice,
    duration,
    flag,
    names,
    number,
    retriable,
    size,
    suffix,
)
from kelos.api.reasons import Retriable
from kelos.errors import UserError

PREFIX = "KELOS_INPUT_"
DEFAULT_TIMEOUT_SECONDS = 3600
PERMISSIONS = ("none", "read", "triage", "write", "maintain", "admin")
FOR_A_STEP_THAT_WAITS = ("cleanup", "transcript-path", "require-results", "fail-on-no-changes")
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
    base_ref: str = ""
    depends_on: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secret_env: tuple[tuple[str, str, str], ...] = ()
    resources: tuple[tuple[str, str, str], ...] = ()
    node_selector: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    credentials_secret: str = ""
    credentials_type: str = ""
    namespace: str = ""
    kubeconfig: str = field(default="", repr=False)
    kube_context: str = ""
    server: str = ""
    ca: str = ""
    oidc_audience: str = ""
    name: str = ""
    name_suffix: str = ""
    mode: str = "cluster"
    wait: bool = True
    timeout: int | None = None
    start_timeout: int | None = None
    wait_timeout: int | None = None
    retries: int | None = None
    retry_on: tuple[Retriable, ...] = ()
    on_timeout: str = "cancel"
    on_cancel: str = "cancel"
    lease: int = 180
    api_outage_timeout: int = 600
    poll_interval: int = 5
    required_permission: str = "write"
    allowed_bots: tuple[str, ...] = ()
    on_untrusted: str = "skip"
    loop_limit: int = 10
    allow_pull_request_target: bool = False
    github_token: str = field(default="", repr=False)
    on_rerun: str = "new"
    on_failure: str = "fail"
    ttl: int | None = None
    cleanup: str = "none"
    logs: str = "stream"
    log_format: str = "pretty"
    log_max_bytes: int = 5 * 1024 * 1024
    transcript_path: str = ""
    require_results: tuple[str, ...] = ()
    fail_on_no_changes: bool = False
    summary: str = "metadata"
    dry_run: bool = False

    @property
    def demands(self) -> Demands:
        """What a success must bring."""
        return Demands(results=self.require_results, changes=self.fail_on_no_changes)

    @property
    def lease_seconds(self) -> int:
        """How long the Task may run without a sign of life; 0 for ever, where it shall outlive this step."""
        return self.lease if self.wait and self.on_cancel != "detach" else 0


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
    if doubled := {name for name, _ in inputs.env} & {name for name, *_ in inputs.secret_env}:
        raise UserError(f"The inputs `env` and `secret-env` both set {min(doubled)}: leave out one of them")
    if inputs.transcript_path and inputs.logs == "none":
        raise UserError("The input `transcript-path` is set, and `logs: none` reads no log: leave out one of them")
    for name in FOR_A_STEP_THAT_WAITS if not inputs.wait else ():
        if getattr(inputs, name.replace("-", "_")) not in ("", (), False, "none"):
            raise UserError(f"The input `{name}` is for a step that waits, and `wait` is false: leave out one of them")
    if inputs.name_suffix and inputs.name:
        raise UserError("The inputs `name` and `name-suffix` are both set: leave out one of them")
    if inputs.mode == "local" and not inputs.wait:
        raise UserError("The input `wait` is false in mode local, where the Task ends with the step: leave it out")


_TEXTS = ("prompt", "context")  # every character of these counts
_PARSERS: dict[str, Callable[[str, str], Any]] = {
    "env": variables,
    "secret-env": secret_variables,
    "resources": resources,
    "node-selector": node_selector,
    "labels": task_labels,
    "annotations": task_annotations,
    "name-suffix": suffix,
    "retries": number(0, RETRIES_LIMIT),
    "retry-on": retriable,
    "loop-limit": number(0, 1000),
    "fail-on-no-changes": flag,
    "cleanup": choice("none", "on-success", "always"),
    "agent-config": names,
    "depends-on": names,
    "require-results": names,
    "allowed-bots": bots,
    "required-permission": choice(*PERMISSIONS),
    "on-untrusted": choice("skip", "fail"),
    "allow-pull-request-target": flag,
    "mode": choice("cluster", "local"),
    "on-timeout": choice("cancel", "detach"),
    "on-cancel": choice("cancel", "detach", "delete"),
    "on-rerun": choice("new", "adopt"),
    "on-failure": choice("fail", "warn"),
    "logs": choice("stream", "on-failure", "none"),
    "log-format": choice("pretty", "raw"),
    "log-max-bytes": size,
    "summary": choice("metadata", "full", "none"),
    "wait": flag,
    "dry-run": flag,
    "timeout": duration,
    "start-timeout": duration,
    "wait-timeout": duration,
    "lease": duration,
    "api-outage-timeout": duration,
    "poll-interval": duration,
    "ttl": duration,
}
