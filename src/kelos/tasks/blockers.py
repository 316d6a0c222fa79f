"""Why a Task does not start: the checks in the order people see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kelos.api import names
from kelos.api.reasons import Reason
from kelos.api.validate import check_agent_config, check_task, check_workspace
from kelos.tasks import dependencies
from kelos.tasks.branch import holder_of, is_ours
from kelos.tasks.needs import needed_secrets
from kelos.tasks.view import TaskView


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """`is_final` fails the Task at once; `is_transient` counts against the start timeout."""

    reason: Reason
    message: str
    is_final: bool = False
    is_transient: bool = False


def spec_is_invalid(view: TaskView) -> Blocker | None:
    """What no schema could see, in the Task and in what it refers to."""
    problems = [*view.problems, *check_task(view.task)]
    if view.workspace is not None:
        problems += (f"Workspace '{view.workspace.meta.name}': {p}" for p in check_workspace(view.workspace))
    for name, config in view.agent_configs.items():
        if config is not None:
            problems += (f"AgentConfig '{name}': {problem}" for problem in check_agent_config(config))
    if not problems:
        return None
    return Blocker(reason=Reason.INVALID_SPEC, message="; ".join(problems), is_final=True)


def dependency_cycle(view: TaskView) -> Blocker | None:
    members = dependencies.cycle_through(view.task.meta.name, view.graph)
    if not members:
        return None
    circle = " → ".join((*members, members[0]))
    return Blocker(
        reason=Reason.DEPENDENCY_CYCLE, message=f"Tasks depend on each other in a circle: {circle}", is_final=True
    )


def dependency_failed(view: TaskView) -> Blocker | None:
    failed = dependencies.failed(view)
    if not failed:
        return None
    return Blocker(reason=Reason.DEPENDENCY_FAILED, message=f"Dependency {_tasks(failed)} failed", is_final=True)


def dependency_missing(view: TaskView) -> Blocker | None:
    missing = dependencies.missing(view)
    if not missing:
        return None
    one = "it" if len(missing) == 1 else "them"
    message = f"Waiting for {_tasks(missing)} to be created; create {one}, or correct dependsOn"
    return _transient(Reason.DEPENDENCY_MISSING, message)


def dependency_unfinished(view: TaskView) -> Blocker | None:
    unfinished = dependencies.unfinished(view)
    if not unfinished:
        return None
    return Blocker(reason=Reason.DEPENDENCY_UNFINISHED, message=f"Waiting for {_tasks(unfinished)} to succeed")


def workspace_is_missing(view: TaskView) -> Blocker | None:
    name = view.task.spec.effective.workspace_name
    if not name or view.workspace is not None:
        return None
    return _transient(
        Reason.WORKSPACE_MISSING,
        f"Workspace '{name}' does not exist in namespace '{view.task.meta.namespace}'; create it or correct the name",
    )


def agent_config_is_missing(view: TaskView) -> Blocker | None:
    missing = [name for name in view.task.spec.effective.agent_config_names if view.agent_configs.get(name) is None]
    if not missing:
        return None
    return _transient(
        Reason.AGENT_CONFIG_MISSING,
        f"AgentConfig '{missing[0]}' does not exist in namespace '{view.task.meta.namespace}'; "
        "create it or correct the name",
    )


def secret_is_missing(view: TaskView) -> Blocker | None:
    for need in needed_secrets(view.task, view.workspace, view.agent_configs):
        keys = view.secrets.get(need.name)
        if keys is None:
            return _transient(
                Reason.SECRET_MISSING,
                f"Secret '{need.name}' ({need.purpose}) does not exist in namespace "
                f"'{view.task.meta.namespace}'; create it",
            )
        if need.key == names.KEY_GITHUB_TOKEN and need.key not in keys and keys.issuperset(names.APP_SECRET_KEYS):
            return Blocker(
                reason=Reason.TOKEN_UNAVAILABLE,
                message=f"Secret '{need.name}' ({need.purpose}) holds a GitHub App's key, which is not supported yet; "
                f"put a token into its key '{names.KEY_GITHUB_TOKEN}'",
                is_final=True,
            )
        if need.key and need.key not in keys:
            return _transient(
                Reason.SECRET_MISSING,
                f"Secret '{need.name}' ({need.purpose}) has no key '{need.key}'; add it",
            )
    return None


def missing_secrets(view: TaskView) -> tuple[str, ...]:
    """Secrets that were looked for, and are not there or lack a key."""
    needs = needed_secrets(view.task, view.workspace, view.agent_configs) if view.secrets else ()
    found = [(need, view.secrets.get(need.name)) for need in needs]
    return tuple(dict.fromkeys(n.name for n, keys in found if keys is None or (n.key and n.key not in keys)))


def job_name_is_taken(view: TaskView) -> Blocker | None:
    if view.job is None or view.owns_job:
        return None
    return _transient(
        Reason.INVALID_SPEC,
        f"A Job called '{view.job.name}' exists and does not belong to Task '{view.task.meta.name}'; "
        "delete it or rename the Task",
    )


def branch_is_held(view: TaskView) -> Blocker | None:
    if view.lock is None or is_ours(view):
        return None
    holder = holder_of(view.lock)
    if not holder:
        return None
    return Blocker(reason=Reason.BRANCH_HELD, message=f"Branch '{view.task.spec.branch}' is held by Task '{holder}'")


Check = Callable[[TaskView], Blocker | None]

# The order is the specification: the first blocker is the one people see. The branch comes last, so that nobody
# holds or queues for a branch while something else keeps him from starting.
BEFORE_BRANCH: tuple[Check, ...] = (
    dependency_cycle,
    spec_is_invalid,
    dependency_failed,
    dependency_missing,
    dependency_unfinished,
    workspace_is_missing,
    agent_config_is_missing,
    secret_is_missing,
    job_name_is_taken,
)
BLOCKERS: tuple[Check, ...] = (*BEFORE_BRANCH, branch_is_held)
BEFORE_INPUTS: tuple[Check, ...] = BEFORE_BRANCH[: BEFORE_BRANCH.index(secret_is_missing)]


def first_blocker(view: TaskView, checks: tuple[Check, ...] = BLOCKERS) -> Blocker | None:
    return next((blocker for check in checks if (blocker := check(view)) is not None), None)


def needs_secrets(view: TaskView) -> bool:
    """Whether it is worth reading Secrets: nothing before them is in the way."""
    return first_blocker(view, BEFORE_INPUTS) is None


def needs_lock(view: TaskView) -> bool:
    """Whether it is worth asking for the branch: only the branch can still be in the way."""
    return bool(view.task.spec.branch) and view.workspace is not None and first_blocker(view, BEFORE_BRANCH) is None


def _transient(reason: Reason, message: str) -> Blocker:
    return Blocker(reason=reason, message=message, is_transient=True)


def _tasks(task_names: tuple[str, ...]) -> str:
    quoted = ", ".join(f"'{name}'" for name in task_names)
    return f"Task {quoted}" if len(task_names) == 1 else f"Tasks {quoted}"
