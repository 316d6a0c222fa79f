"""podFailurePolicy: what the end of one pod means for its Job. The first rule that matches decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from kelos.api.kinds import Manifest
from kelos.local.jobs.control.facts import container_statuses, name_of, phase_of, status_of


class Action(Enum):
    """`COUNT` is also what happens when no rule matches."""

    COUNT = "Count"
    IGNORE = "Ignore"
    FAIL_JOB = "FailJob"


_ACTIONS = {action.value: action for action in Action}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do about a failed pod; `message` says why when the Job fails."""

    action: Action
    message: str = ""


def judge(policy: Manifest | None, pod: Manifest) -> Verdict:
    """What a failed pod means."""
    if policy is None or phase_of(pod) != "Failed":
        return Verdict(action=Action.COUNT)
    for index, rule in enumerate(policy.get("rules") or ()):
        why = _match(rule, pod)
        if why:
            action = _ACTIONS.get(rule["action"], Action.COUNT)
            return Verdict(action=action, message=f"{why} matching {rule['action']} rule at index {index}")
    return Verdict(action=Action.COUNT)


def first_fatal(policy: Manifest | None, failed: Sequence[Manifest]) -> str | None:
    """Why the Job must fail at once, if one of its failed pods says so."""
    verdicts = (judge(policy, pod) for pod in failed)
    return next((verdict.message for verdict in verdicts if verdict.action is Action.FAIL_JOB), None)


def _match(rule: Manifest, pod: Manifest) -> str:
    """A sentence's beginning when the rule applies, empty otherwise."""
    name = f"{pod['metadata']['namespace']}/{name_of(pod)}"
    if rule.get("onExitCodes"):
        container = _container_that_matches(rule["onExitCodes"], pod)
        if container is None:
            return ""
        code = container["state"]["terminated"]["exitCode"]
        return f"Container {container['name']} for pod {name} failed with exit code {code}"
    condition = _condition_that_matches(rule.get("onPodConditions") or (), pod)
    return f"Pod {name} has condition {condition}" if condition else ""


def _container_that_matches(wanted: Manifest, pod: Manifest) -> Manifest | None:
    """Containers that ended with 0 match nothing, not even `NotIn`."""
    for container in container_statuses(pod):
        if wanted.get("containerName") not in (None, container["name"]):
            continue
        code = ((container.get("state") or {}).get("terminated") or {}).get("exitCode", 0)
        if code and (code in wanted["values"]) == (wanted["operator"] == "In"):
            return container
    return None


def _condition_that_matches(patterns: Sequence[Manifest], pod: Manifest) -> str:
    have = {(found["type"], found["status"]) for found in status_of(pod).get("conditions") or ()}
    return next((p["type"] for p in patterns if (p["type"], p.get("status") or "True") in have), "")
