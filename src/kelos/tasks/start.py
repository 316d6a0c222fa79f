"""A Task without a Job: hold it with a reason, fail it, or start it."""

from __future__ import annotations

from kelos.api.kinds import JOB, LEASE, PVC, SECRET, Kind, Manifest
from kelos.api.pod_overrides import PodOverrides
from kelos.api.reasons import FULLY_APPLIED, PROMPT_RENDERED, Phase, Reason
from kelos.errors import Forbidden, Invalid, TokenUnavailable, UserError
from kelos.plan import Create, EventType, Plan, Step, Try
from kelos.pods.claim import build_claim
from kelos.pods.job import Built, build_job
from kelos.pods.overrides import in_words_of_the_task, shapes_the_pod
from kelos.pods.request import JobRequest
from kelos.tasks.blockers import Blocker, first_blocker
from kelos.tasks.dependencies import to_keep
from kelos.tasks.finish import end, tell
from kelos.tasks.held import locks
from kelos.tasks.held.token import mint, needs_mint, token_secret, unavailable
from kelos.tasks.prompt import Rendered, render_prompt
from kelos.tasks.status import (
    DEPENDENCIES_FOUND,
    INPUTS_READY,
    WORKSPACE_FREE,
    in_phase,
    set_status,
    with_condition,
)
from kelos.tasks.stop import missing_for, stop_before_job
from kelos.tasks.view import Scope, TaskView

SAFETY_LOOK_SECONDS = 60.0
"""Waits end by events; this is the net below them."""
ALL_APPLIED = ("True", "Applied", "Agent and pod have all that AgentConfigs and podOverrides ask for")
PASSING = ("cannot create resource", "exceeded quota", "being terminated")
"""Words of a Forbidden that will pass: rights of the controller, quotas, a namespace on its way out."""


def start_or_hold(view: TaskView) -> Plan:
    if (stop := stop_before_job(view)) is not None:
        return end(view, Phase.FAILED, stop.reason, stop.message)
    blocker = first_blocker(view)
    if blocker is None:
        return _start(view)
    if blocker.is_final:
        event = "DependencyFailed" if blocker.reason is not Reason.INVALID_SPEC else ""
        return end(view, Phase.FAILED, blocker.reason, blocker.message, event=event)
    return _hold(view, blocker)


def plan_refusal(view: TaskView, step: Create | Try, answer: Invalid | Forbidden) -> Plan:
    """Fail the Task with the server's sentence in the Task's own words, or hold it when waiting may help."""
    kind = step.kind
    said = in_words_of_the_task(str(answer), step.manifest, view.task) if kind is JOB else str(answer)
    if isinstance(answer, Invalid):
        return _refuse(view, Reason.INVALID_SPEC, f"The API server refused the {kind}: {said}")
    message = f"A policy of the cluster refused the {kind}: {said}"
    if any(words in str(answer) for words in PASSING):
        return _hold(view, Blocker(reason=Reason.POLICY_DENIED, message=message, is_transient=True))
    return _refuse(view, Reason.POLICY_DENIED, message)


def plan_taken(view: TaskView, kind: Kind, name: str) -> Plan:
    """Somebody else's object has a name we need: hold the Task until it is gone."""
    if kind is LEASE:  # another Task came first to our lock; the next look says which
        return Plan(again_in_seconds=0.0)
    message = (
        f"A {kind} called '{name}' exists and does not belong to Task '{view.task.meta.name}'; "
        "delete it or rename the Task"
    )
    return _hold(view, Blocker(reason=Reason.INVALID_SPEC, message=message, is_transient=True))


def plan_no_token(view: TaskView, why: TokenUnavailable) -> Plan:
    """Hold the Task until GitHub gives a token."""
    return _hold(view, unavailable(view, why))


def _refuse(view: TaskView, reason: Reason, message: str) -> Plan:
    return end(view, Phase.FAILED, reason, message, event="JobBuildFailed")


def _hold(view: TaskView, blocker: Blocker) -> Plan:
    waited = missing_for(view, blocker.reason) if blocker.is_transient else None
    seconds = waited.total_seconds() if waited is not None else 0.0
    limit = view.task.spec.start_timeout_seconds
    if seconds >= limit:
        return end(view, Phase.FAILED, blocker.reason, f"{blocker.message} (gave up after {limit} seconds)")
    status = in_phase(view, Phase.WAITING, blocker.reason, blocker.message)
    status = _with_dependencies(view, status)
    is_early = blocker.reason is Reason.DEPENDENCY_MISSING
    value = "False" if blocker.is_transient and not is_early else "Unknown"
    status = with_condition(status, view, INPUTS_READY, value, blocker.reason.value, blocker.message)
    is_taken = blocker.reason is Reason.CONCURRENCY_LIMIT and bool(locks.others_in(view, Scope.WORKSPACE))
    status = _with_workspace(view, status, blocker.message if is_taken else "")
    if view.task.spec.depends_on:
        found = ("False", "Missing", blocker.message) if is_early else ("True", "Found", "Every dependency exists")
        status = with_condition(status, view, DEPENDENCIES_FOUND, *found)
        text = "The prompt is rendered when the Task starts"
        status = with_condition(status, view, PROMPT_RENDERED, "Unknown", "Waiting", text)
    return Plan(steps=set_status(view, status), again_in_seconds=_look_again(blocker, seconds, limit - seconds))


def _look_again(blocker: Blocker, waited_seconds: float, left_seconds: float) -> float:
    if not blocker.is_transient:
        return SAFETY_LOOK_SECONDS
    usual = max(2.0, min(30.0, waited_seconds / 4))
    return min(left_seconds, usual if blocker.again_in_seconds is None else blocker.again_in_seconds)


def tell_start(view: TaskView) -> Plan | None:
    """The status of a start that nobody wrote down: its controller died after it had made the Job. None when all is
    written, or what the Job was made of is gone."""
    if view.status.get("jobName"):
        return None
    try:
        rendered, built = _built(view)
    except UserError:
        return None
    status = _started_status(view, built, rendered)
    return Plan(steps=(*set_status(view, status), *_stories(view, built, rendered)), again_in_seconds=0.0)


def _start(view: TaskView) -> Plan:
    try:
        rendered, built = _built(view)
    except UserError as error:
        return end(view, Phase.FAILED, Reason.INVALID_SPEC, str(error), event="JobBuildFailed")
    if needs_mint(view):
        return Plan(steps=(*_tried(view, built), mint(view)), again_in_seconds=0.0)
    status = _started_status(view, built, rendered)
    return Plan(
        steps=(*_makes(view, built), *set_status(view, status), *_stories(view, built, rendered)),
        again_in_seconds=float(view.task.spec.start_timeout_seconds),
    )


def _built(view: TaskView) -> tuple[Rendered, Built]:
    rendered = render_prompt(view)
    request = JobRequest(
        task=view.task,
        prompt=rendered.text,
        workspace=view.workspace,
        agent_configs=tuple(c for c in view.agent_configs.values() if c is not None),
        branch_lock=locks.label_of(view, Scope.BRANCH),
        workspace_lock=locks.label_of(view, Scope.WORKSPACE),
        token_secret=token_secret(view),
        settings=view.settings,
    )
    return rendered, build_job(request)


def _makes(view: TaskView, built: Built) -> tuple[Step, ...]:
    """Locks, claim, inputs, Job. What was tried before its token was minted is not tried again."""
    first: tuple[Step, ...] = (*locks.take(view), *_claim(view), *_inputs(built))
    tried = _tried(view, built) if first and not token_secret(view) else ()
    return (*tried, *first, Create(kind=JOB, manifest=built.job))


def _tried(view: TaskView, built: Built) -> tuple[Step, ...]:
    """A pod of somebody's own form is tried before anything is made for it, so that a mistake leaves nothing behind."""
    return (Try(kind=JOB, manifest=built.job),) if shapes_the_pod(view.task) else ()


def _inputs(built: Built) -> tuple[Step, ...]:
    return () if built.inputs is None else (Create(kind=SECRET, manifest=built.inputs),)


def _claim(view: TaskView) -> tuple[Step, ...]:
    workspace = view.workspace
    if workspace is None or not workspace.spec.persistent or view.claim is not None:
        return ()
    return (Create(kind=PVC, manifest=build_claim(workspace, view.settings)),)


def _started_status(view: TaskView, built: Built, rendered: Rendered) -> Manifest:
    name = built.job["metadata"]["name"]
    status = in_phase(view, Phase.PENDING, Reason.POD_PENDING, f"Job '{name}' was created", jobName=name)
    status = _with_dependencies(view, status)
    status = with_condition(status, view, INPUTS_READY, "True", "Found", "Everything the Task refers to exists")
    status = _with_workspace(view, status, "")
    if view.agent_configs or view.task.spec.effective.pod_overrides != PodOverrides():
        applied = ("False", "PartlyApplied", "; ".join(built.left_out)) if built.left_out else ALL_APPLIED
        status = with_condition(status, view, FULLY_APPLIED, *applied)
    if view.task.spec.depends_on:
        if rendered.problem:
            return with_condition(status, view, PROMPT_RENDERED, "False", "TemplateFailed", rendered.problem)
        return with_condition(status, view, PROMPT_RENDERED, "True", "Rendered", "The prompt was rendered")
    return status


def _stories(view: TaskView, built: Built, rendered: Rendered) -> tuple[Step, ...]:
    name = built.job["metadata"]["name"]
    stories = [tell(view, EventType.NORMAL, "TaskCreated", f"Created Job '{name}'")]
    if rendered.problem:
        stories.append(tell(view, EventType.WARNING, "PromptNotRendered", rendered.problem))
    if built.left_out:
        stories.append(tell(view, EventType.WARNING, "TaskPartlyApplied", "; ".join(built.left_out)))
    if view.task.spec.branch and view.workspace is None:
        text = f"Branch '{view.task.spec.branch}' has no effect: the Task names no Workspace"
        stories.append(tell(view, EventType.WARNING, "BranchWithoutWorkspace", text))
    return tuple(stories)


def _with_workspace(view: TaskView, status: Manifest, taken: str) -> Manifest:
    """Whether another Task keeps this one from its persistent Workspace, and how."""
    if view.workspace is None or not view.workspace.spec.persistent:
        return status
    if taken:
        return with_condition(status, view, WORKSPACE_FREE, "False", "Taken", taken)
    value = "True" if "jobName" in status else "Unknown"
    text = "The Workspace is ours" if value == "True" else "The Workspace is asked for when nothing else is in the way"
    return with_condition(status, view, WORKSPACE_FREE, value, "Ours" if value == "True" else "NotAsked", text)


def _with_dependencies(view: TaskView, status: Manifest) -> Manifest:
    kept = to_keep(view)
    return {**status, "dependencies": kept} if kept else status
