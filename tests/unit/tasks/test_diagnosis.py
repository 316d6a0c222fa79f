"""What Kubernetes shows when something is wrong, and the words people get for it: a labelled corpus."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import make
from diagnosis_cases import Case, cases
from kelos.api.outcome import Outcome
from kelos.api.reasons import Reason, Retriable
from kelos.local.jobs.control.failure_policy import Action, judge
from kelos.tasks.evidence.attempts import attempts_over, lost_captures
from kelos.tasks.evidence.diagnosis import Diagnosis, Fault
from kelos.tasks.evidence.end import End
from kelos.tasks.evidence.ending import why_ended
from kelos.tasks.evidence.facts import read_pod
from kelos.tasks.follow import judge_end
from kelos.tasks.stop import needs_complaints, start_diagnosis, stop_request
from kelos.tasks.view import TaskView

STARTING = [*cases("starting"), *cases("without-pod")]
ENDING = list(cases("ending"))


def assert_says(found: Diagnosis, case: Case) -> None:
    assert [] == [words for words in case.expected.message if words not in found.message], found.message
    assert [] == [words for words in case.expected.advice if words not in found.advice], found.advice


@pytest.mark.parametrize("case", STARTING, ids=lambda case: case.name)
def test_a_start_says_what_holds_it_up(case):
    """Only what people should know of is called a problem; what passed is not told any more."""
    found = start_diagnosis(case.view())

    assert (case.expected.reason, case.expected.problem) == (found.reason, found.is_problem), found.message
    assert_says(found, case)
    assert found.advice or not found.is_problem


@pytest.mark.parametrize("case", ENDING, ids=lambda case: case.name)
def test_an_end_says_how_it_came_and_whose_fault_it_is(case):
    (attempt,) = attempts_over(case.view())
    found = attempt.diagnosis

    fault = found.fault.value if found.reason is not None else ""
    assert (case.expected.reason, case.expected.fault) == (found.reason, fault), found.message
    assert_says(found, case)


@pytest.mark.parametrize("case", ENDING, ids=lambda case: case.name)
def test_only_what_may_be_repeated_is_repeated(case):
    """By the policy that Kubernetes follows and by what we stop: an agent that runs again costs money."""
    assert case.expected.repeated == (is_repeated(case, retries=0), is_repeated(case, retries=1))


@pytest.mark.parametrize("case", [c for c in ENDING if c.expected.fault == "Agent"], ids=lambda case: case.name)
def test_an_agents_end_is_repeated_where_that_kind_is_wanted(case):
    """A provider's limit passes; the agent's own mistake may cost as much again."""
    own = case.expected.reason.value
    others = [kind.value for kind in Retriable if kind.value != own]

    assert (is_repeated(case, retries=1), False) == (
        is_repeated(case, retries=1, retryOn=[own]),
        is_repeated(case, retries=1, retryOn=others),
    )


@pytest.mark.parametrize("case", [c for c in ENDING if c.expected.verdict], ids=lambda case: case.name)
def test_the_task_ends_with_the_verdict(case):
    """The Job may know what its pod does not, and the pod what its Job does not."""
    view = case.view()

    verdict = judge_end(view, attempts_over(view), None)

    assert verdict is not None
    assert case.expected.verdict is verdict.reason


def test_the_corpus_is_large_and_its_names_are_unique():
    names = [case.name for case in (*STARTING, *ENDING)]

    assert len(names) >= 60
    assert len(names) == len(set(names))


def test_a_cause_that_only_events_know_is_asked_for():
    """The pod says that it backs off from pulling; older kubelets do not say why."""
    vague = next(case for case in STARTING if "only an event tells" in case.name)
    told = next(case for case in STARTING if "tells its cause" in case.name)

    assert (True, False) == tuple(needs_complaints(late(case)) for case in (vague, told))


def test_a_success_whose_outputs_were_lost_says_so():
    done = next(case for case in ENDING if case.name == "an image that prints no outcome at all")
    assert done.pod is not None

    found = why_ended(End(pod=read_pod(done.pod), outcome=Outcome(message="Its outputs are missing")))

    assert (None, "Its outputs are missing") == (found.reason, found.message)


def test_an_agent_that_never_started_lost_no_outcome():
    """The kubelet has one word for a container that vanished and for one that never was."""
    never = next(case for case in ENDING if "calls that unknown, too" in case.name)
    vanished = next(case for case in ENDING if "cannot find the container any more" in case.name)

    assert (0, 1) == (lost_captures(never.view()), lost_captures(vanished.view()))


UNPLACED = [case for case in STARTING if case.expected.reason is Reason.UNSCHEDULABLE and not case.events]


@pytest.mark.parametrize("case", UNPLACED, ids=lambda case: case.name)
def test_a_pod_without_a_node_is_told_alike_whatever_is_seen_first(case):
    """The scheduler writes an event and the pod's condition, in no order: one state has one reason."""
    assert case.pod is not None
    (condition,) = case.pod["status"]["conditions"]
    event = {"reason": "FailedScheduling", "type": "Warning", "message": condition["message"]}
    told_by_event = replace(case, pod={**case.pod, "status": {"phase": "Pending"}}, events=(event,))
    told_by_both = replace(case, events=(event,))

    assert start_diagnosis(case.view()) == start_diagnosis(told_by_event.view()) == start_diagnosis(told_by_both.view())


def test_every_fault_is_in_the_corpus():
    assert {fault.value for fault in Fault} == {case.expected.fault for case in ENDING} - {""}


WORDS = ("", "Error", "Completed", "OOMKilled", "StartError", "ContainerStatusUnknown", "Mystery")
POD_WORDS = ("", "Evicted", "NodeLost", "Terminated", "OutOfcpu", "SysctlForbidden", "DeadlineExceeded", "Mystery")
SAYINGS = ("", "The node was low on resource: memory. ", 'Usage of EmptyDir volume "w" exceeds the limit "1Gi". ', "x")
ENDS = st.builds(
    make.container,
    has_started=st.booleans(),
    exit_code=st.sampled_from((None, 0, 1, 80, 86, 88, 128, 137, 143, 255)),
    ended_because=st.sampled_from(WORDS),
    waiting_reason=st.sampled_from(("", "ErrImagePull", "PodInitializing")),
)
PODS = st.builds(
    make.pod,
    phase=st.just("Failed"),
    reason=st.sampled_from(POD_WORDS),
    message=st.sampled_from(SAYINGS),
    is_disrupted=st.booleans(),
    is_being_deleted=st.booleans(),
    agent=ENDS,
    preparation=st.lists(ENDS, max_size=2).map(tuple),
)
OUTCOMES = st.none() | st.builds(Outcome, reason=st.none() | st.sampled_from(Reason))


@given(PODS, OUTCOMES, st.booleans())
@settings(max_examples=500)
def test_nothing_is_called_the_clusters_fault_without_its_word(pod, outcome, was_stopped):
    """Whatever comes together: an agent runs twice only when Kubernetes says that it took the first one away."""
    found = why_ended(End(pod=pod, outcome=outcome, was_stopped=was_stopped))

    if found.reason is not None and found.fault is Fault.INFRASTRUCTURE:
        told_by_kubernetes = pod.is_disrupted or pod.reason in ("Evicted", "NodeLost", "Terminated", "OutOfcpu")
        lost = outcome is None and "ContainerStatusUnknown" in {c.ended_because for c in pod.containers}
        assert told_by_kubernetes or lost or not pod.has_run
        own_words = outcome.reason if outcome is not None and pod.agent.has_started else None
        assert own_words in (None, Reason.CANCELLED)


@given(PODS, OUTCOMES, st.booleans())
@settings(max_examples=500)
def test_every_end_has_a_sentence_and_no_failure_passes_for_a_success(pod, outcome, was_stopped):
    found = why_ended(End(pod=pod, outcome=outcome, was_stopped=was_stopped))

    assert found.message
    if found.reason is None:
        assert 0 == pod.agent.exit_code
        assert outcome is None or outcome.reason is None


def late(case: Case) -> TaskView:
    """The view when the start already takes longer than usual."""
    view = case.view()
    return replace(view, now=view.pods[0].created_at + timedelta(seconds=20))


def is_repeated(case: Case, **spec: Any) -> bool:
    """Whether another pod follows: Kubernetes makes one, and we let it."""
    assert case.pod is not None
    if case.pod["status"]["phase"] != "Failed" or case.job_status.get("conditions"):
        return False
    verdict = judge(case.job(**spec)["spec"]["podFailurePolicy"], case.pod)
    return verdict.action is not Action.FAIL_JOB and stop_request(case.view(**spec)) is None
