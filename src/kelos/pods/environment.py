"""Environment variables of the two containers: the reference's contract first, ours behind it."""

from __future__ import annotations

import json

from kelos.agents.registry import find_agent
from kelos.api import names
from kelos.api.kinds import Manifest
from kelos.api.repository import is_of_github, parse_repository
from kelos.api.task import Task
from kelos.api.workspace import Workspace
from kelos.pods.inputs import Inputs
from kelos.pods.instructions import Instructions
from kelos.pods.request import JobRequest, escaped

ALWAYS_OURS = (names.ENV_SETUP_COMMAND, "KELOS_SESSION_SETUP_ONLY")


def agent_environment(request: JobRequest, instructions: Instructions, inputs: Inputs) -> list[Manifest]:
    """The agent container's variables in contract order; `podOverrides.env` follows, minus names we set."""
    task = request.task
    ours = [
        *_literals(_task_values(task)),
        *_credentials(task),
        *_workspace(request),
        *_files(request, instructions, inputs),
    ]
    taken = {entry["name"] for entry in ours} | set(ALWAYS_OURS)
    return ours + [entry for entry in task.spec.effective.pod_overrides.env if entry.get("name") not in taken]


def prepare_environment(request: JobRequest, instructions: Instructions) -> list[Manifest]:
    """What `git-clone` needs to know. Secrets come as files and references only."""
    workspace, task = request.workspace, request.task
    values = _termination(request, instructions)
    if workspace is not None:
        spec = workspace.spec
        values |= {
            names.ENV_REPO: spec.repo,
            names.ENV_REF: _ref(task, workspace),
            names.ENV_REF_FROM: "Task" if task.spec.base_ref else None,
            names.ENV_BRANCH: task.spec.branch,
            names.ENV_WORKSPACE_DIR: names.PATH_REPO,
            names.ENV_GIT_USER_NAME: spec.git_user.name,
            names.ENV_GIT_USER_EMAIL: spec.git_user.email,
            names.ENV_SUBMODULES: "1" if spec.submodules else None,
            names.ENV_LFS: "1" if spec.lfs else None,
            names.ENV_TIDY_DIR: names.PATH_WORKSPACE if spec.persistent else None,
        }
        if spec.remotes:
            values[names.ENV_REMOTES] = json.dumps([{"name": r.name, "url": r.url} for r in spec.remotes])
        if spec.secret_ref is not None:
            values |= {
                names.ENV_TOKEN_FILE: names.PATH_TOKEN,
                names.ENV_GIT_LOGIN_FROM: spec.secret_ref.name,
                names.ENV_WORKSPACE_NAME: workspace.meta.name,
            }
    if instructions.needs_plugin_dir:
        values[names.ENV_PLUGIN_DIR] = names.PATH_PLUGINS
    if instructions.skills:
        values[names.ENV_SKILLS] = json.dumps(
            [
                {
                    "source": package.source,
                    "skill": package.skill or "",
                    "ref": package.ref or "",
                    "tokenFile": skill_token_path(number) if package.secret_ref else "",
                }
                for number, package in enumerate(instructions.skills)
            ]
        )
    values[names.ENV_INPUTS_DIR] = names.PATH_INPUTS
    return _literals(values)


def skill_token_path(index: int) -> str:
    return f"/kelos/skill-token/{index}/{names.KEY_GITHUB_TOKEN}"


def _task_values(task: Task) -> dict[str, str | None]:
    worker = task.spec.effective
    return {
        names.ENV_MODEL: worker.model,
        names.ENV_EFFORT: worker.effort,
        names.ENV_BRANCH: task.spec.branch,
        names.ENV_AGENT_TYPE: worker.agent_type.value if worker.agent_type is not None else None,
        names.ENV_SPAWNER: task.meta.labels.get(names.LABEL_SPAWNER),
        names.ENV_TASK_NAME: task.meta.name,
        names.ENV_TIMEOUT_SECONDS: str(task.spec.timeout_seconds) if task.spec.timeout_seconds else None,
    }


def _credentials(task: Task) -> list[Manifest]:
    credentials = task.spec.effective.credentials
    agent_type = task.spec.effective.agent_type
    if credentials is None or credentials.secret_ref is None or agent_type is None:
        return []
    variable = find_agent(agent_type.value).credential_env(credentials.type)
    return [] if variable is None else [_from_secret(variable, credentials.secret_ref.name, variable)]


def _workspace(request: JobRequest) -> list[Manifest]:
    workspace, task = request.workspace, request.task
    if workspace is None:
        return _literals({names.ENV_UPSTREAM_REPO: task.spec.upstream_repo})
    spec = workspace.spec
    repository = parse_repository(spec.repo)
    values: dict[str, str | None] = {
        names.ENV_WORKSPACE_DIR: names.PATH_REPO,
        names.ENV_GH_HOST: None if repository.is_on_github_com else repository.web_host,
        names.ENV_BASE_BRANCH: _ref(task, workspace).removeprefix("refs/heads/"),
        names.ENV_UPSTREAM_REPO: task.spec.upstream_repo or _upstream(workspace),
    }
    found = _literals(values)
    if request.git_secret:
        gh_token = names.ENV_GH_TOKEN if is_of_github(repository.web_host) else names.ENV_GH_ENTERPRISE_TOKEN
        found += [
            _from_secret(names.ENV_GITHUB_TOKEN, request.git_secret, names.KEY_GITHUB_TOKEN),
            _from_secret(gh_token, request.git_secret, names.KEY_GITHUB_TOKEN),
            *_literals({names.ENV_GH_CONFIG_DIR: names.PATH_GH_CONFIG, names.ENV_TOKEN_FILE: names.PATH_TOKEN}),
        ]
    if spec.setup_command:
        found += _literals({names.ENV_SETUP_COMMAND: json.dumps(list(spec.setup_command))})
    return found


def _files(request: JobRequest, instructions: Instructions, inputs: Inputs) -> list[Manifest]:
    found: list[Manifest] = []
    for path, variable in ((names.INPUT_AGENTS_MD, names.ENV_AGENTS_MD), (names.INPUT_MCP, names.ENV_MCP_SERVERS)):
        if path in inputs.files and len(inputs.files[path].encode()) <= names.PROMPT_ARGUMENT_LIMIT_BYTES:
            found.append(_from_secret(variable, inputs.secret_name, inputs.key(path)))
    found += _literals(
        {
            names.ENV_PLUGIN_DIR: names.PATH_PLUGINS if instructions.needs_plugin_dir else None,
            names.ENV_PROMPT_FILE: names.PATH_PROMPT,
            names.ENV_INPUTS_DIR: names.PATH_INPUTS if inputs.files else None,
            **_termination(request, instructions),
        }
    )
    return found


def _termination(request: JobRequest, instructions: Instructions) -> dict[str, str | None]:
    """Where the outcome goes, and how long it may be when the kubelet shares the pod's room out among many."""
    overrides = request.task.spec.effective.pod_overrides
    count = 1 + len(overrides.extra_containers) + len(overrides.extra_init_containers)
    count += request.workspace is not None or instructions.needs_plugin_dir
    room = 3 * names.TERMINATION_LIMIT_BYTES // count
    limit = str(room) if room < names.TERMINATION_LIMIT_BYTES else None
    return {names.ENV_TERMINATION_LOG: names.PATH_TERMINATION_LOG, names.ENV_TERMINATION_LIMIT: limit}


def _ref(task: Task, workspace: Workspace) -> str:
    """Where the checkout starts; empty for the remote's default branch."""
    return task.spec.base_ref or workspace.spec.ref or ""


def _upstream(workspace: Workspace) -> str | None:
    remote = next((r for r in workspace.spec.remotes if r.name == "upstream"), None)
    return parse_repository(remote.url).full_name if remote is not None else None


def _literals(values: dict[str, str | None]) -> list[Manifest]:
    return [{"name": name, "value": escaped(value)} for name, value in values.items() if value]


def _from_secret(name: str, secret: str, key: str) -> Manifest:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
