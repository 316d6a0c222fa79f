"""Why a Task does not start: the checks in the order people see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kelos.api import names
from kelos.api.kinds import CONFIG_MAP, SECRET, Kind
from kelos.api.reasons import Reason
from kelos.api.validate import check_agent_config, check_task, check_workspace
from kelos.pods.claim import claim_name
from kelos.tasks import dependencies
from kelos.tasks.held.locks import others_in, wanted_locks
from kelos.tasks.needs import Need, is_app, needed_config_maps, needed_secrets
from kelos.tasks.view import Scope, TaskView

MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """`is_final` fails the Task at once; `is_transient` counts against the start timeout.

    `again_in_seconds` is when to look again, where somebody else decides that.
    """

    reason: Reason
    message: str
    is_final: bool = False
    is_transient: bool = False
    again_in_seconds: float | None = None


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


def spawner_does_not_admit(view: TaskView) -> Blocker | None:
    """Limits of its TaskSpawner; and a Task that came too late for its trigger never starts: it is about to go."""
    admission = view.admission
    if admission is None:
        return None
    spawner = f"TaskSpawner '{admission.spawner}'"
    if names.FINALIZER_SPAWNED in view.task.meta.finalizers:
        text = f"Waiting until {spawner} has noted what this Task was made for"
    elif admission.is_suspended:
        text = f"{spawner} is suspended; set its spec.suspend to false"
    elif admission.limit is not None and len(admission.ahead) >= admission.limit:
        text = f"{spawner} allows {admission.limit} at a time, now {_tasks(admission.ahead[:MOST_NAMED])}"
    else:
        return None
    return Blocker(reason=Reason.CONCURRENCY_LIMIT, message=text)


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
    needs = needed_secrets(view.task, view.workspace, view.agent_configs)
    return _first_missing(view, Reason.SECRET_MISSING, SECRET, needs, view.secrets)


def config_map_is_missing(view: TaskView) -> Blocker | None:
    needs = needed_config_maps(view.agent_configs)
    return _first_missing(view, Reason.AGENT_CONFIG_MISSING, CONFIG_MAP, needs, view.config_maps)


def _first_missing(
    view: TaskView, reason: Reason, kind: Kind, needs: Iterable[Need], found: Mapping[str, frozenset[str] | None]
) -> Blocker | None:
    for need in needs:
        what, keys = f"{kind} '{need.name}' ({need.purpose})", found.get(need.name)
        if keys is None:
            return _transient(reason, f"{what} does not exist in namespace '{view.task.meta.namespace}'; create it")
        if lacking := need.lacks(keys):
            quoted = " and no key ".join(f"'{key}'" for key in lacking)
            remedy = "add it" if len(lacking) == 1 else "add them"
            if need.takes_app and lacking == (need.key,):
                remedy += f", or the keys {', '.join(names.APP_SECRET_KEYS)} of a GitHub App"
            return _transient(reason, f"{what} has no key {quoted}; {remedy}")
    return None


def awaited(view: TaskView) -> Mapping[Kind, tuple[str, ...]]:
    """Whose change may help: what is not there or lacks a key, and the App's Secret when it gave no token."""
    has_no_token = view.status.get("reason") == Reason.TOKEN_UNAVAILABLE.value

    def may_help(need: Need, keys: frozenset[str] | None) -> bool:
        return keys is None or bool(need.lacks(keys)) or (has_no_token and need.takes_app and is_app(keys))

    secrets = needed_secrets(view.task, view.workspace, view.agent_configs)
    needs = {SECRET: (secrets, view.secrets), CONFIG_MAP: (needed_config_maps(view.agent_configs), view.config_maps)}
    return {
        kind: tuple(dict.fromkeys(need.name for need in wanted if found and may_help(need, found.get(need.name))))
        for kind, (wanted, found) in needs.items()
    }


def job_name_is_taken(view: TaskView) -> Blocker | None:
    if view.job is None or view.owns_job:
        return None
    return _transient(
        Reason.INVALID_SPEC,
        f"A Job called '{view.job.name}' exists and does not belong to Task '{view.task.meta.name}'; "
        "delete it or rename the Task",
    )


def claim_is_leaving(view: TaskView) -> Blocker | None:
    if view.workspace is None or view.claim is None or not view.claim.is_being_deleted:
        return None
    name = view.workspace.meta.name
    return _transient(
        Reason.WORKSPACE_MISSING,
        f"PersistentVolumeClaim '{claim_name(view.workspace)}' of Workspace '{name}' is being deleted; "
        "a new one is made when it is gone, so end what still uses it",
    )


def workspace_is_taken(view: TaskView) -> Blocker | None:
    holder = others_in(view, Scope.WORKSPACE)
    if not holder or view.workspace is None:
        return None
    return Blocker(
        reason=Reason.CONCURRENCY_LIMIT,
        message=f"Workspace '{view.workspace.meta.name}' is persistent and serves one Task at a time, "
        f"now Task '{holder}'",
    )


def branch_is_held(view: TaskView) -> Blocker | None:
    holder = others_in(view, Scope.BRANCH)
    if not holder:
        return None
    return Blocker(reason=Reason.BRANCH_HELD, message=f"Branch '{view.task.spec.branch}' is held by Task '{holder}'")


Check = Callable[[TaskView], Blocker | None]

# The order is the specification: the first blocker is the one people see. The locks come last, so that nobody
# holds or queues for one while something else keeps him from starting.
BEFORE_LOCKS: tuple[Check, ...] = (
    dependency_cycle,
    spec_is_invalid,
    dependency_failed,
    dependency_missing,
    dependency_unfinished,
    spawner_does_not_admit,
    workspace_is_missing,
    agent_config_is_missing,
    secret_is_missing,
    config_map_is_missing,
    job_name_is_taken,
    claim_is_leaving,
)
BLOCKERS: tuple[Check, ...] = (*BEFORE_LOCKS, workspace_is_taken, branch_is_held)
BEFORE_INPUTS: tuple[Check, ...] = BEFORE_LOCKS[: BEFORE_LOCKS.index(secret_is_missing)]


def first_blocker(view: TaskView, checks: tuple[Check, ...] = BLOCKERS) -> Blocker | None:
    return next((blocker for check in checks if (blocker := check(view)) is not None), None)


def needs_inputs(view: TaskView) -> bool:
    """Whether it is worth reading Secrets and ConfigMaps: nothing before them is in the way."""
    return first_blocker(view, BEFORE_INPUTS) is None


def needs_locks(view: TaskView) -> bool:
    """Whether it is worth asking for locks: only they can still be in the way."""
    return bool(wanted_locks(view.task, view.workspace)) and first_blocker(view, BEFORE_LOCKS) is None


def is_told_otherwise(view: TaskView) -> bool:
    """Whether the status names somebody else in our lock: two old views would else contradict each other in turns."""
    reasons = (Reason.CONCURRENCY_LIMIT.value, Reason.BRANCH_HELD.value)
    blocker = first_blocker(view)
    is_waiting = blocker is not None and view.status.get("reason") in reasons
    return is_waiting and blocker is not None and view.status.get("message") != blocker.message


def _transient(reason: Reason, message: str) -> Blocker:
    return Blocker(reason=reason, message=message, is_transient=True)


def _tasks(task_names: tuple[str, ...]) -> str:
    quoted = ", ".join(f"'{name}'" for name in task_names)
    return f"Task {quoted}" if len(task_names) == 1 else f"Tasks {quoted}"
