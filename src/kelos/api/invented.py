"""Field names that are in circulation and never existed, with what to write instead. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator

from kelos.api.kinds import AGENT_CONFIG, GROUP, TASK, TASK_SPAWNER, WORKSPACE, Manifest

_AGENT = "the agent is chosen by spec.type and spec.model of a Task, or by taskTemplate of a TaskSpawner"
_ENVIRONMENT = "spec.credentials and spec.podOverrides.env of a Task, or those of a TaskSpawner's taskTemplate"

INSTEAD = {
    TASK.kind: {"command": "use spec.prompt"},
    WORKSPACE.kind: {
        "git": "use spec.repo for the address and spec.ref for the branch",
        "credentialsRef": "use spec.secretRef, a Secret with the key GITHUB_TOKEN",
    },
    AGENT_CONFIG.kind: {
        "agent": _AGENT,
        "instructions": "use spec.agentsMD",
        "env": f"use {_ENVIRONMENT}",
        "mcpServers.config": "use type with command and args, or with url and headers",
    },
    TASK_SPAWNER.kind: {
        "source": "use spec.when",
        "template": "use spec.taskTemplate",
        "taskTemplate.command": "use spec.taskTemplate.promptTemplate",
        "taskTemplate.prompt": "use spec.taskTemplate.promptTemplate",
        "when.githubIssues.repository": "use repo",
        "when.githubPullRequests.repository": "use repo",
        "when.githubIssues.actor": "use labels, author or assignee",
        "when.githubPullRequests.actor": "use labels or author",
        "branchSerialization": "leave it out: Tasks on one branch of a repository always run one at a time",
        "activeDeadlineSeconds": "use spec.taskTemplate.podOverrides.activeDeadlineSeconds",
    },
}
"""By kind: the path below `spec`, through lists too, and the sentence."""


def hints(manifest: Manifest) -> Iterator[str]:
    """A sentence for every invented field of a manifest; nothing for other kinds and groups."""
    if not str(manifest.get("apiVersion", "")).startswith(f"{GROUP}/"):
        return
    for path, instead in INSTEAD.get(str(manifest.get("kind")), {}).items():
        if _is_there(manifest.get("spec"), path.split(".")):
            yield f"spec.{path} is no field: {instead}"


def _is_there(node: object, path: list[str]) -> bool:
    if isinstance(node, list):
        return any(_is_there(item, path) for item in node)
    if not isinstance(node, dict) or path[0] not in node:
        return False
    return len(path) == 1 or _is_there(node[path[0]], path[1:])
