"""The table from a Task's status to the step's end: promise number one is that it is honest."""

import pytest

from kelos.action.conclusion import (
    PASSING_REASONS,
    Conclusion,
    client_ending,
    conclude,
    gone,
    interrupted,
    is_patient,
    is_settled,
)
from kelos.action.given.demands import Demands
from kelos.api.reasons import ClientReason, Phase, Reason


def task(phase: str = "", reason: str = "", **status: object) -> dict:
    """A Task of which only the status matters."""
    said = {"phase": phase, "reason": reason, **status}
    return {"metadata": {"name": "fix"}, "spec": {}, "status": {key: value for key, value in said.items() if value}}


@pytest.mark.parametrize("phase", ["", "Pending", "Waiting", "Running", "Surprise"])
def test_a_task_that_goes_on_has_no_ending(phase):
    """Only the two terminal phases end a step; a word we do not know is no end."""
    assert conclude(task(phase)) is None


def test_a_task_without_a_status_has_no_ending():
    """Nobody has looked at it yet."""
    assert conclude({"metadata": {"name": "fix"}, "spec": {}}) is None


def test_a_normal_end_is_a_success():
    """The only way to exit code 0."""
    ending = conclude(task("Succeeded"))

    assert (Conclusion.SUCCESS, "", 0) == (ending.conclusion, ending.reason, ending.exit_code)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_failure_has_a_reason_a_sentence_and_a_code(reason):
    """Whatever the cluster says, callers can branch on one word of a closed list."""
    ending = conclude(task("Failed", reason.value))

    assert (reason.kebab, 1) == (ending.reason, ending.exit_code)
    assert ending.conclusion not in (Conclusion.SUCCESS, Conclusion.SKIPPED, Conclusion.DETACHED)
    assert ending.message


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in PASSING_REASONS])
def test_a_phase_never_outshines_its_reason(reason):
    """D10: an agent that was cut off and ended with code 0 did not succeed."""
    ending = conclude(task("Succeeded", reason.value))

    assert (Conclusion.FAILURE, reason.kebab, 1) == (ending.conclusion, ending.reason, ending.exit_code)


@pytest.mark.parametrize("reason", ["PodPending", "BranchHeld", "Initializing"])
def test_a_word_left_over_from_the_way_there_does_no_harm(reason):
    """Other controllers may not tidy up."""
    assert Conclusion.SUCCESS is conclude(task("Succeeded", reason)).conclusion


@pytest.mark.parametrize(
    ("reason", "conclusion"),
    [
        ("DeadlineExceeded", "timed-out"),
        ("StartTimeout", "timed-out"),
        ("Cancelled", "cancelled"),
        ("LeaseExpired", "cancelled"),
        ("Superseded", "cancelled"),
        ("OOMKilled", "failure"),
        ("RateLimited", "failure"),
        ("", "failure"),
        ("NewWord", "failure"),
    ],
)
def test_the_conclusion_is_one_word_to_branch_on(reason, conclusion):
    """A time limit is no failure of the agent, and a cancel is nobody's."""
    assert conclusion == conclude(task("Failed", reason)).conclusion.value


@pytest.mark.parametrize(
    ("advice", "sentence"),
    [
        ("raise the memory limit", "Out of memory: raise the memory limit"),
        ("Raise the memory limit", "Out of memory. Raise the memory limit"),
        ("", "Out of memory"),
    ],
)
def test_the_sentence_ends_with_the_advice_of_the_diagnosis(advice, sentence):
    """Exit code 1 without a message is what people complain about elsewhere."""
    status = {"message": "Out of memory", "diagnosis": {"advice": advice}}

    assert sentence == conclude(task("Failed", "OOMKilled", **status)).message


def test_missing_results_are_named():
    """The user asked for them; empty ones do not count."""
    demands = Demands(results=("branch", "pr", "commit"))

    ending = conclude(task("Succeeded", results={"branch": "b", "pr": ""}), demands=demands)

    assert ("result-missing", 1) == (ending.reason, ending.exit_code)
    assert "'pr', 'commit'" in ending.message


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ({"base-commit": "a", "commit": "b", "pushed": "true"}, ""),
        ({"base-commit": "a", "commit": "b"}, ""),
        (
            {"base-commit": "a", "commit": "a", "pr": "https://github.com/a/b/pull/1"},
            "changed nothing",
        ),
        ({"base-commit": "a", "commit": "b", "pushed": "false"}, "did not push its commits"),
        ({"commit": "b"}, "without telling whether anything changed"),
        ({}, "without telling whether anything changed"),
    ],
)
def test_a_success_that_changed_nothing_can_be_a_failure(results, words):
    """What counts is the branch: its commit before and after, pushed; what nobody told is no change."""
    ending = conclude(task("Succeeded", results=results), demands=Demands(changes=True))

    assert (words in ending.message, "result-missing" if words else "") == (True, ending.reason)


@pytest.mark.parametrize("reason", list(ClientReason))
def test_every_reason_of_the_client_has_a_code(reason):
    """1: the run failed, 2: you can fix the call, 3: the cluster refused."""
    codes = {"invalid-input": 2, "not-authorized": 3, "api-error": 3, "controller-unresponsive": 3}

    assert codes.get(reason.value, 1) == client_ending(reason, "x").exit_code


def test_a_deleted_task_that_had_ended_counts_with_its_end():
    """D8: the time to live may be shorter than our look."""
    assert Conclusion.SUCCESS is gone(task("Succeeded"), replaced=False).conclusion


def test_a_replaced_task_never_lends_its_end():
    """What carries the name now is somebody else's."""
    ending = gone(task("Succeeded"), replaced=True)

    assert (Conclusion.FAILURE, "deleted", 1) == (ending.conclusion, ending.reason, ending.exit_code)


def test_a_task_lost_to_its_time_to_live_says_so():
    """The remedy is in the user's own input."""
    lost = {**task("Running"), "spec": {"ttlSecondsAfterFinished": 0}}

    assert "raise `ttl`" in gone(lost, replaced=False).message


@pytest.mark.parametrize("policy", ["cancel", "delete", "detach"])
def test_a_signal_ends_with_130(policy):
    """As every program that was interrupted."""
    assert 130 == interrupted("fix", is_cancelled=True, policy=policy).exit_code


@pytest.mark.parametrize(
    ("phase", "reason", "patient"),
    [
        ("Waiting", "BranchHeld", True),
        ("Waiting", "DependencyUnfinished", True),
        ("Waiting", "ConcurrencyLimit", True),
        ("Waiting", "SecretMissing", False),
        ("Waiting", "DependencyMissing", False),
        ("Running", "BranchHeld", False),
        ("Pending", "", False),
    ],
)
def test_waiting_in_a_queue_is_no_delay(phase, reason, patient):
    """It may take as long as other people's Tasks take."""
    assert patient == is_patient(task(phase, reason))


def test_results_may_come_late_from_other_controllers():
    """Ours writes them together with the condition."""
    ours = task("Succeeded", conditions=[{"type": "Succeeded", "status": "True"}])

    assert (True, False, True) == (
        is_settled(ours),
        is_settled(task("Succeeded")),
        is_settled(task("Succeeded", results={"branch": "b"})),
    )


def test_phases_are_the_five_of_the_api():
    """A sixth one needs a line in the table."""
    assert {"Pending", "Waiting", "Running", "Succeeded", "Failed"} == {phase.value for phase in Phase}
