"""podFailurePolicy: which rule speaks for a failed pod."""

from typing import Any

import pytest

from kelos.api.kinds import Manifest
from kelos.local.jobs.control.failure_policy import Action, first_fatal, judge

from .make_jobs import pod, terminated


def rule(action: str, operator: str = "In", values: tuple[int, ...] = (42,), container: str | None = None) -> Manifest:
    codes: dict[str, Any] = {"operator": operator, "values": list(values)}
    return {"action": action, "onExitCodes": codes | ({"containerName": container} if container else {})}


def on_condition(action: str, type: str, status: str | None = "True") -> Manifest:
    return {"action": action, "onPodConditions": [{"type": type, **({"status": status} if status else {})}]}


@pytest.mark.parametrize(
    ("rules", "code", "expected"),
    [
        ([], 1, Action.COUNT),
        ([rule("FailJob")], 42, Action.FAIL_JOB),
        ([rule("FailJob")], 41, Action.COUNT),
        ([rule("FailJob", "NotIn")], 41, Action.FAIL_JOB),
        ([rule("FailJob", "NotIn")], 42, Action.COUNT),
        ([rule("Ignore", values=(1, 2))], 2, Action.IGNORE),
        ([rule("Count"), rule("FailJob")], 42, Action.COUNT),
        ([rule("Ignore"), rule("FailJob")], 42, Action.IGNORE),
        ([rule("FailJob", container="main")], 42, Action.FAIL_JOB),
        ([rule("FailJob", container="other")], 42, Action.COUNT),
    ],
)
def test_the_first_rule_that_matches_decides(rules: list[Manifest], code: int, expected: Action) -> None:
    """The order of the rules is the policy."""
    assert expected is judge({"rules": rules}, pod(phase="Failed", code=code)).action


def test_a_container_that_ended_well_matches_nothing() -> None:
    """`NotIn [42]` is about failures: 0 is not in the list and still no failure."""
    mixed = pod(phase="Failed", containers=[terminated(0, "helper"), terminated(42)])

    assert Action.COUNT is judge({"rules": [rule("FailJob", "NotIn")]}, mixed).action


def test_init_containers_are_looked_at_too() -> None:
    """Preparation that ends with a reserved code ends the Job."""
    broken = pod(phase="Failed")
    broken["status"]["initContainerStatuses"] = [terminated(42, "prepare")]

    assert Action.FAIL_JOB is judge({"rules": [rule("FailJob", container="prepare")]}, broken).action


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (on_condition("Ignore", "DisruptionTarget"), Action.IGNORE),
        (on_condition("Ignore", "DisruptionTarget", None), Action.IGNORE),
        (on_condition("Ignore", "DisruptionTarget", "False"), Action.COUNT),
        (on_condition("Ignore", "ConfigIssue"), Action.COUNT),
    ],
)
def test_conditions_match_by_type_and_status(wanted: Manifest, expected: Action) -> None:
    """A disruption is nobody's failure; the status is True when the rule leaves it out."""
    disrupted = pod(phase="Failed", code=137, conditions=("DisruptionTarget",))

    assert expected is judge({"rules": [wanted]}, disrupted).action


def test_a_pod_that_has_not_failed_is_not_judged() -> None:
    """An init container may have failed and be restarted: only the pod's end counts."""
    assert Action.COUNT is judge({"rules": [rule("FailJob")]}, pod(phase="Running", code=42)).action


def test_the_message_names_container_pod_code_and_rule() -> None:
    """People find the pod and the rule from the Job's condition alone."""
    policy = {"rules": [rule("Ignore", values=(9,)), rule("FailJob")]}

    expected = "Container main for pod team/build-1 failed with exit code 42 matching FailJob rule at index 1"
    assert expected == first_fatal(policy, [pod(phase="Failed", code=42)])


def test_the_message_names_the_condition() -> None:
    """The other kind of rule has its own sentence."""
    disrupted = pod(phase="Failed", conditions=("DisruptionTarget",))

    expected = "Pod team/build-1 has condition DisruptionTarget matching FailJob rule at index 0"
    assert expected == first_fatal({"rules": [on_condition("FailJob", "DisruptionTarget")]}, [disrupted])
