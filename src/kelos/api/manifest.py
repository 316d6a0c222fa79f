"""The one place where a Task manifest, its name and its spec hash are built, for CLI, Action and spawners."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from kelos.api.checks import INT32_MAX, check_branch, check_name, check_namespace, check_prompt, excerpt
from kelos.api.kinds import GROUP, TASK, Manifest
from kelos.api.names import ANNOTATION_SPEC_HASH, ANNOTATION_TRIGGERED_BY, shorten
from kelos.api.pod_request import PodRequest, lay_over
from kelos.api.reasons import Retriable
from kelos.errors import UserError

AGENT_TYPES = ("claude-code", "codex", "gemini", "opencode", "cursor", "demo")
CREDENTIALS_TYPES = ("api-key", "oauth", "none")
DEFAULT_AGENT_TYPE = "claude-code"
API_VERSIONS = (f"{GROUP}/v1alpha1", f"{GROUP}/v1alpha2")
NAME_LIMIT = 52  # room for what Jobs and pods append

# What a Task may say at its top or below `worker`; below `worker` it wins.
_WORKER_FIELDS = ("type", "credentials", "model", "effort", "image", "workspaceRef", "agentConfigRefs", "podOverrides")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """Everything a person or a spawner may ask of a Task; an empty value means "not said".

    `base` is a Task somebody wrote; what is said here is laid over it field by field.
    """

    prompt: str = ""
    name: str = ""
    namespace: str = ""
    agent_type: str = ""
    credentials_type: str = ""
    credentials_secret: str = ""
    model: str = ""
    effort: str = ""
    image: str = ""
    workspace: str = ""
    agent_configs: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    branch: str = ""
    base_ref: str = ""
    upstream_repo: str = ""
    pod: PodRequest = field(default_factory=PodRequest)
    timeout_seconds: int | None = None
    start_timeout_seconds: int | None = None
    retries: int | None = None
    retry_on: tuple[Retriable, ...] = ()
    ttl_seconds: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    triggered_by: str = ""
    base: Manifest | None = None


def build_task(request: TaskRequest) -> Manifest:
    """The manifest to POST, with its spec hash; a UserError says what is wrong with the request."""
    base = check_base(request.base)
    metadata = _metadata(request, base.get("metadata") or {})
    spec = _spec(request, base.get("spec") or {})
    metadata["annotations"] = {**metadata.get("annotations", {}), ANNOTATION_SPEC_HASH: spec_hash(spec)}
    return {"apiVersion": TASK.api_version, "kind": TASK.kind, "metadata": metadata, "spec": spec}


def task_name(*, repository: str, run_id: str, attempt: str, leg: str) -> str:
    """The name of the Task of one leg of one attempt of one workflow run: `gha-<repo>-<run>-<attempt>-<leg>`.

    The same submission always gets the same name, so a retried POST finds its own Task; another one never does.
    """
    parts = ("gha", _short_hash(repository), _slug(run_id), _slug(attempt), _short_hash(leg))
    return shorten("-".join(parts), NAME_LIMIT)


def spec_hash(spec: Mapping[str, Any]) -> str:
    """SHA-256 of the spec's canonical JSON: equal for equal requests, whatever the order of their keys."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def check_base(base: Manifest | None) -> Manifest:
    """A manifest somebody wrote, when it is a Task of the right shape where we read it; else a UserError."""
    if base is None:
        return {}
    if base.get("kind") != TASK.kind or base.get("apiVersion") not in API_VERSIONS:
        found = f"{base.get('apiVersion')} {base.get('kind')}"
        raise UserError(
            f"The manifest is a '{excerpt(found)}', not a Task: use apiVersion {TASK.api_version}, kind Task"
        )
    for part in ("metadata", "spec"):
        if not isinstance(base.get(part) or {}, dict):
            raise UserError(f"The Task manifest's '{part}' is not a mapping: check its indentation")
    metadata = base.get("metadata") or {}
    for part in ("labels", "annotations"):
        words = metadata.get(part) or {}
        if not isinstance(words, dict) or not all(isinstance(value, str) for value in words.values()):
            raise UserError(f"The Task manifest's 'metadata.{part}' must map words to strings: quote its numbers")
    return base


def _metadata(request: TaskRequest, base: Mapping[str, Any]) -> dict[str, Any]:
    name = request.name or str(base.get("name") or "")
    if not name:
        raise UserError("The Task has no name: set one")
    metadata: dict[str, Any] = {"name": check_name(name, "Task name")}
    if namespace := request.namespace or str(base.get("namespace") or ""):
        metadata["namespace"] = check_namespace(namespace)
    if labels := {**(base.get("labels") or {}), **request.labels}:
        metadata["labels"] = labels
    triggered_by = {ANNOTATION_TRIGGERED_BY: request.triggered_by} if request.triggered_by else {}
    metadata["annotations"] = {**(base.get("annotations") or {}), **request.annotations, **triggered_by}
    return metadata


def _spec(request: TaskRequest, base: Mapping[str, Any]) -> dict[str, Any]:
    if "workerPoolRef" in base:
        raise UserError(
            "The Task names a worker pool, which is not supported: use 'worker', or 'type' and 'credentials'"
        )
    worker = _mapping(base["worker"], "spec.worker") if base.get("worker") is not None else None
    said = {**base, **_said(request)}
    outer = {key: value for key, value in said.items() if worker is None or key not in _WORKER_FIELDS or key in base}
    # Every doubled field has one home: below `worker` when the base has it, else at the top.
    home = dict(worker) if worker is not None else outer
    home.update(_said_of_the_worker(request, home))
    if worker is not None:
        outer["worker"] = home
    _check_the_rest(outer)
    return outer


def _said(request: TaskRequest) -> dict[str, Any]:
    said: dict[str, Any] = {
        "prompt": request.prompt,
        "dependsOn": [check_name(name, "Dependency") for name in request.depends_on],
        "branch": request.branch,
        "baseRef": request.base_ref,
        "upstreamRepo": request.upstream_repo,
        "retryOn": [one.value for one in request.retry_on],
    }
    numbers = {
        "timeoutSeconds": _at_least(request.timeout_seconds, 1, "The timeout"),
        "startTimeoutSeconds": _at_least(request.start_timeout_seconds, 1, "The start timeout"),
        "retries": _at_least(request.retries, 0, "The number of retries"),
        "ttlSecondsAfterFinished": _at_least(request.ttl_seconds, 0, "The time to live"),
    }
    return {key: value for key, value in said.items() if value} | {
        key: number for key, number in numbers.items() if number is not None
    }


def _said_of_the_worker(request: TaskRequest, home: Mapping[str, Any]) -> dict[str, Any]:
    agent_type = request.agent_type or home.get("type") or DEFAULT_AGENT_TYPE
    if agent_type not in AGENT_TYPES:
        raise UserError(f"Agent type '{excerpt(str(agent_type))}' is not known: use {_one_of(AGENT_TYPES)}")
    said: dict[str, Any] = {
        "type": agent_type,
        "credentials": _credentials(request, agent_type, home.get("credentials")),
        "model": request.model,
        "effort": request.effort,
        "image": request.image,
    }
    if request.workspace:
        said["workspaceRef"] = {"name": check_name(request.workspace, "Workspace")}
    if request.agent_configs:
        said["agentConfigRefs"] = [{"name": check_name(name, "AgentConfig")} for name in request.agent_configs]
    if not request.pod.is_empty:
        said["podOverrides"] = lay_over(home.get("podOverrides"), request.pod)
    return {key: value for key, value in said.items() if value}


def _credentials(request: TaskRequest, agent_type: str, base: object) -> dict[str, Any] | None:
    """A Secret alone means an API key; the demo agent needs nothing; everybody else must say."""
    found = _mapping(base, "credentials")
    secret = request.credentials_secret or str(
        _mapping(found.get("secretRef"), "credentials.secretRef").get("name", "")
    )
    if request.credentials_type == "none":
        secret = request.credentials_secret
    implied = "api-key" if secret else ("none" if agent_type == "demo" else "")
    kind = request.credentials_type or found.get("type") or implied
    if kind not in CREDENTIALS_TYPES:
        if kind:
            raise UserError(f"Credentials type '{excerpt(str(kind))}' is not known: use {_one_of(CREDENTIALS_TYPES)}")
        raise UserError(
            f"Agent '{excerpt(str(agent_type))}' has no credentials: name the Secret that holds its key, "
            "or set the credentials type to 'none'"
        )
    if kind == "none":
        if request.credentials_secret:
            raise UserError(f"Secret '{excerpt(secret)}' is given with credentials type 'none': leave out one of them")
        return {"type": kind}
    if not secret:
        raise UserError(f"Credentials type '{kind}' needs a Secret: name the one that holds the agent's key")
    return {**found, "type": kind, "secretRef": {"name": check_name(secret, "Credentials Secret")}}


def _mapping(value: object, where: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise UserError(f"The Task manifest's '{where}' is not a mapping: check its indentation")
    return dict(value or {})


def _check_the_rest(spec: Mapping[str, Any]) -> None:
    if not isinstance(spec.get("prompt", ""), str):
        raise UserError("The Task manifest's 'spec.prompt' is not a string: quote it")
    check_prompt(spec.get("prompt", ""))
    if branch := spec.get("branch"):
        check_branch(str(branch))
    if ref := spec.get("baseRef"):
        check_branch(str(ref), "Base ref")
        if not (spec.get("workspaceRef") or (spec.get("worker") or {}).get("workspaceRef")):
            raise UserError(f"Base ref '{excerpt(str(ref))}' is of no use without a Workspace: name one")


def _at_least(number: int | None, least: int, what: str) -> int | None:
    if number is not None and not least <= number <= INT32_MAX:
        raise UserError(f"{what} is {number}: it must be between {least} and {INT32_MAX}")
    return number


def _one_of(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _short_hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "0"
