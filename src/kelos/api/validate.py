"""What no schema can see, one sentence per mistake; an empty tuple means fit to run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kelos.api import checks
from kelos.api.agent_config import AgentConfig, McpServer
from kelos.api.checks import each, repeated
from kelos.api.task import Task, TaskSpec
from kelos.api.validate_overrides import check_pod_overrides
from kelos.api.worker import BASE_REF_IN_A_WORKSPACE
from kelos.api.workspace import SCHEMES, Workspace
from kelos.errors import UserError

_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_TOKEN = re.compile(r"gh[pousr]_|github_pat_|glpat-|ATATT|[0-9a-f]{40}$")

SKILLS_PLUGIN = "skills-sh"
"""The plugin that packages from `skills` are put into."""


def check_task(task: Task) -> tuple[str, ...]:
    """What is wrong with a Task."""
    spec = task.spec
    return (
        *check_prompt(spec.prompt),
        *each("branch", [spec.branch] if spec.branch else [], _ref),
        *each("baseRef", [spec.base_ref] if spec.base_ref else [], _ref),
        *((BASE_REF_IN_A_WORKSPACE[1],) if spec.base_ref and not spec.effective.workspace_name else ()),
        *check_pod_overrides(spec.effective.pod_overrides, has_workspace=bool(spec.effective.workspace_name)),
        *_failure_policy(spec),
        *(("worker pools are not supported here: workerPoolRef may not be set",) if spec.worker_pool_ref else ()),
        *(f"dependsOn must not name the Task itself ('{name}')" for name in spec.depends_on if name == task.meta.name),
    )


def check_prompt(prompt: str) -> tuple[str, ...]:
    """What is wrong with a prompt, before or after rendering."""
    try:
        checks.check_prompt(prompt)
    except UserError as mistake:
        return (str(mistake),)
    return ()


def check_workspace(workspace: Workspace) -> tuple[str, ...]:
    """What is wrong with a Workspace."""
    spec = workspace.spec
    names = [remote.name for remote in spec.remotes]
    addresses = [("repo", spec.repo), *((f"remote '{remote.name}'", remote.url) for remote in spec.remotes)]
    return (
        *(
            f"{label} must start with one of {', '.join(SCHEMES)}"
            for label, address in addresses
            if not address.startswith(SCHEMES)
        ),
        *(
            f"the address of {label} must not contain whitespace or control characters"
            for label, address in addresses
            if _has_gaps(address)
        ),
        *(
            f"the address of {label} must not hold a password or token: put it into a Secret and name that in secretRef"
            for label, address in addresses
            if _has_password(address)
        ),
        *each("ref", [spec.ref] if spec.ref else [], _ref),
        *each("remote name", names, _remote_name),
        *(f"remote name '{name}' is used twice" for name in repeated(names)),
        *each("file path", [file.path for file in spec.files], path_mistake),
    )


def check_agent_config(config: AgentConfig) -> tuple[str, ...]:
    """What is wrong with an AgentConfig. Checks across several of them belong to whoever merges them."""
    spec = config.spec
    servers = [server.name for server in spec.mcp_servers]
    return (
        *each("plugin name", [plugin.name for plugin in spec.plugins], name_mistake),
        *each("skill name", [skill.name for plugin in spec.plugins for skill in plugin.skills], name_mistake),
        *each("agent name", [agent.name for plugin in spec.plugins for agent in plugin.agents], name_mistake),
        *each("skills ref", [package.ref for package in spec.skills if package.ref], _ref),
        *(
            f"plugin name '{SKILLS_PLUGIN}' is taken by the packages in 'skills'"
            for plugin in spec.plugins
            if plugin.name == SKILLS_PLUGIN and spec.skills
        ),
        *each("MCP server name", servers, name_mistake),
        *(f"MCP server name '{name}' is used twice" for name in repeated(servers)),
        *(sentence for server in spec.mcp_servers for sentence in check_mcp_server(server)),
    )


def check_mcp_server(server: McpServer) -> tuple[str, ...]:
    """What is wrong with a server's transport or environment. Values never appear in the sentences."""
    needed = "command" if server.type == "stdio" else "url"
    missing = not (server.command if needed == "command" else server.url)
    return (
        *((f"MCP server '{server.name}': {needed} must be set when type is '{server.type.value}'",) * missing),
        *(f"MCP server '{server.name}': env {mistake}" for mistake in _environment(server.env)),
    )


def path_mistake(path: str) -> str | None:
    """Why a path cannot be a file inside the checkout."""
    if not path.strip():
        return "must not be blank"
    if "\\" in path or "\0" in path:
        return "must not contain a backslash or NUL"
    if path.startswith("/"):
        return "must be relative"
    kept: list[str] = []
    for part in path.split("/"):
        if part == ".." and not kept:
            return "must not lead out of the checkout"
        if part == "..":
            kept.pop()
        elif part not in ("", "."):
            kept.append(part)
    return None if kept else "must name a file"


def name_mistake(name: str) -> str | None:
    """Why a name cannot be the name of a file or folder."""
    if not name:
        return "must not be empty"
    # Mounted Secrets keep their own things below names that begin with two dots.
    if name == "." or name.startswith("..") or any(letter in name for letter in "/\\\0"):
        return "must not be '.', begin with '..' or contain '/', a backslash or NUL"
    return None


def _environment(env: Any) -> Iterator[str]:
    match env:
        case None:
            return
        case dict():
            yield from (f"'{name}' must be a string" for name, value in env.items() if not isinstance(value, str))
            yield from (mistake for name in env for mistake in _variable_name(name))
        case list():
            for index, entry in enumerate(env):
                yield from _entry(index, entry)
        case _:
            yield "must be a map of strings or a list of variables"


def _entry(index: int, entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        yield f"[{index}] must be an object with a name"
        return
    name, source = entry["name"], entry.get("valueFrom")
    yield from _variable_name(name)
    if source is None:
        if not isinstance(entry.get("value", ""), str):
            yield f"'{name}' must have a string as value"
    elif entry.get("value"):
        yield f"'{name}' may not have both value and valueFrom"
    elif not isinstance(source, dict) or not _is_one_reference(source):
        yield f"'{name}' must have one valueFrom, secretKeyRef or configMapKeyRef, with name and key"


def _variable_name(name: str) -> Iterator[str]:
    if not name or "=" in name or "\0" in name:
        # What follows the "=" is a value, perhaps a secret one.
        shown = checks.excerpt(name.partition("=")[0] + "=..." * ("=" in name))
        yield f"'{shown}' must not be empty or contain '=' or NUL"


def _is_one_reference(source: dict[str, Any]) -> bool:
    given = {kind: ref for kind, ref in source.items() if ref is not None}
    if len(given) != 1 or not given.keys() <= {"secretKeyRef", "configMapKeyRef"}:
        return False
    (ref,) = given.values()
    # Both become part of a path: Kubernetes has the same alphabet for them.
    parts = [ref.get(part) for part in ("name", "key")] if isinstance(ref, dict) else [None]
    return all(isinstance(part, str) and _KEY.fullmatch(part) and part not in (".", "..") for part in parts)


def _failure_policy(spec: TaskSpec) -> tuple[str, ...]:
    rules = (spec.pod_failure_policy or {}).get("rules")
    actions = [rule.get("action") for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
    return ("podFailurePolicy must not use action 'FailIndex': a Task is not an indexed Job",) * (
        "FailIndex" in actions
    )


def _ref(name: str) -> str | None:
    return None if checks.is_branch_name(name) else "is not a name git accepts"


def _remote_name(name: str) -> str | None:
    return "must not be 'origin'" if name == "origin" else _ref(name)


def _has_gaps(address: str) -> bool:
    return any(letter.isspace() or not letter.isprintable() for letter in address)


def _has_password(address: str) -> bool:
    """Git would show it in its argument list; the user's name alone is welcome, unless it is a token."""
    _, marks, rest = address.partition("://")
    authority = rest.partition("/")[0] if marks else address.partition(":")[0]
    user, at, _ = authority.rpartition("@")
    return bool(at) and (":" in user or _TOKEN.match(user) is not None)
