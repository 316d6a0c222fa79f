"""When the Job gives up: failure policy, retry budget and deadlines."""

from __future__ import annotations

from kelos.api import names
from kelos.api.kinds import Manifest
from kelos.api.reasons import EXIT_CODES, Reason, Retriable
from kelos.api.task import Task
from kelos.settings import Settings


def is_repeated(task: Task, reason: Reason | None) -> bool:
    """Whether the Task wants another attempt after an agent's end of that kind."""
    wanted = task.spec.retry_on or tuple(Retriable)
    return task.spec.retries > 0 and reason is not None and reason.value in [one.value for one in wanted]


def failure_policy(task: Task, settings: Settings) -> Manifest:
    """The Task's own policy, else ours: disruptions are free, an agent's end is not repeated unless asked for."""
    if task.spec.pod_failure_policy is not None:
        return dict(task.spec.pod_failure_policy)
    final = sorted(code for code in EXIT_CODES if _is_reserved_end(task, code))
    disrupted = "Ignore" if settings.repeats_disrupted else "FailJob"
    rules: list[Manifest] = [
        {"action": disrupted, "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": final}},
    ]
    if not task.spec.retries:
        agent = {"containerName": names.CONTAINER_AGENT, "operator": "NotIn", "values": [0]}
        rules.append({"action": "FailJob", "onExitCodes": agent})
    return {"rules": rules}


def is_final(task: Task, exit_code: int | None) -> bool:
    """Whether the policy above makes Kubernetes give up when the agent's container ends like that."""
    if task.spec.pod_failure_policy is not None or not exit_code:
        return False
    return not task.spec.retries or _is_reserved_end(task, exit_code)


def is_reserved(task: Task, exit_code: int | None) -> bool:
    """Whether it makes Kubernetes give up when any container ends like that, a preparing one for instance."""
    return task.spec.pod_failure_policy is None and _is_reserved_end(task, exit_code or 0)


def _is_reserved_end(task: Task, code: int) -> bool:
    return code in EXIT_CODES and not is_repeated(task, EXIT_CODES[code])


def backoff_limit(task: Task, settings: Settings) -> int:
    return task.spec.retries + settings.infrastructure_retries


def job_deadline_seconds(task: Task, settings: Settings) -> int | None:
    """The Job's hard limit over all attempts; a backstop when the runner keeps the time itself."""
    if task.spec.timeout_seconds is not None:
        start = task.spec.start_timeout_seconds
        return task.spec.timeout_seconds * (1 + task.spec.retries) + start + settings.deadline_grace_seconds
    return task.spec.effective.pod_overrides.active_deadline_seconds


def pod_deadline_seconds(task: Task) -> int | None:
    """The pod's own limit: `podOverrides.activeDeadlineSeconds` when `timeoutSeconds` took its place on the Job."""
    return task.spec.effective.pod_overrides.active_deadline_seconds if task.spec.timeout_seconds is not None else None
