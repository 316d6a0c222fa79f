"""What a run came to, from everybody who has a say."""

import pytest

from kelos.api.outcome import AgentEnd, GitFacts, Usage
from kelos.api.reasons import Reason
from kelos.runner.execution.agent_run import Because, Ended
from kelos.runner.execution.judgement import judge

GOOD = AgentEnd(usage=Usage(input_tokens=1), response="done")
BAD = AgentEnd(reason=Reason.RATE_LIMITED, message="slow down")


def judged(end, because=Because.ITSELF, status=0, **more):
    return judge(end, Ended(because=because, status=status, **more), GitFacts(), model="", limit_seconds=60)


@pytest.mark.parametrize(
    ("end", "because", "status", "reason", "code"),
    [
        (GOOD, Because.ITSELF, 0, None, 0),
        (BAD, Because.ITSELF, 0, Reason.RATE_LIMITED, 85),
        (BAD, Because.ITSELF, 1, Reason.RATE_LIMITED, 1),
        (BAD, Because.ITSELF, -9, Reason.RATE_LIMITED, 137),
        (GOOD, Because.DEADLINE, 0, Reason.DEADLINE_EXCEEDED, 84),
        (GOOD, Because.CANCELLED, -15, Reason.CANCELLED, 88),
        (BAD, Because.CANCELLED, None, Reason.CANCELLED, 88),
        (BAD, Because.HOPELESS, -15, Reason.RATE_LIMITED, 85),
    ],
)
def test_the_exit_code_never_hides_the_end(end, because, status, reason, code):
    """The agent's own code when it says that something is wrong, ours where it would lie, 0 for success alone."""
    outcome = judged(end, because, status)

    assert (reason, code) == (outcome.reason, outcome.exit_code)


def test_what_was_seen_of_a_cancelled_run_is_kept():
    """It has cost money."""
    outcome = judged(GOOD, Because.CANCELLED)

    assert (1, "done") == (outcome.usage.input_tokens, outcome.response)


def test_output_that_could_not_be_read_is_no_success():
    assert Reason.AGENT_ERROR is judged(GOOD, is_reader_broken=True).reason


def test_the_model_of_the_agent_goes_before_the_one_asked_for():
    named = AgentEnd(usage=Usage(model="real"))

    assert (
        "real"
        == judge(
            named, Ended(because=Because.ITSELF, status=0), GitFacts(), model="asked", limit_seconds=None
        ).usage.model
    )
