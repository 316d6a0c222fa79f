"""Every recorded run is read as what it was."""

import pytest

from agent_streams import EXIT_CODES, STREAMS, agent_of, stream
from kelos.agents.registry import find_agent
from kelos.api.outcome import AgentEnd, Usage
from kelos.api.reasons import Reason

SAID = 'Added NOTES.md with one line and committed it as "Add notes".'
REFUSED = "the provider refused the credentials ({}); check the Secret of spec.credentials"
CODEX_USAGE = Usage(
    input_tokens=4500, cache_read_tokens=2700, cache_write_tokens=0, output_tokens=105, reasoning_tokens=15
)
EXPECTED = {
    "claude-code": AgentEnd(
        usage=Usage(
            input_tokens=3600,
            cache_read_tokens=2700,
            cache_write_tokens=900,
            output_tokens=105,
            reasoning_tokens=0,
            cost_usd="0.021539999999999997",
            model="claude-opus-5-5",
        ),
        response=SAID,
        session_id="d7459655-9723-4c43-907a-303019690ed3",
    ),
    "claude-code-error": AgentEnd(
        reason=Reason.CREDENTIALS_REJECTED,
        message="claude-code: " + REFUSED.format("Failed to authenticate. API Error: 401 invalid api key"),
        usage=Usage(
            input_tokens=0,
            cache_read_tokens=0,
            cache_write_tokens=0,
            output_tokens=0,
            reasoning_tokens=0,
            cost_usd="0",
            model="claude-opus-5-5",
        ),
        response="Failed to authenticate. API Error: 401 invalid api key",
        session_id="a0b9a4fe-ea85-4055-b189-5473023db6e8",
    ),
    "claude-code-max-turns": AgentEnd(
        reason=Reason.AGENT_INCOMPLETE,
        message="claude-code stopped before it was done: Reached maximum number of turns (2)",
        usage=Usage(
            input_tokens=2400,
            cache_read_tokens=1800,
            cache_write_tokens=600,
            output_tokens=80,
            reasoning_tokens=0,
            cost_usd="0.014559999999999998",
            model="claude-opus-5-5",
        ),
        session_id="86369e0c-aba8-400c-bb54-c07e612b7aa9",
    ),
    "codex": AgentEnd(usage=CODEX_USAGE, response=SAID, session_id="01a1fcb0-675d-7291-8705-ca52e8b4cfad"),
    "codex-items": AgentEnd(usage=CODEX_USAGE, response=SAID, session_id="01a1fcc6-ba06-7e90-91a9-68b8d89f34a3"),
    "codex-transport-fallback": AgentEnd(
        usage=CODEX_USAGE, response=SAID, session_id="01a1fcaf-6c87-7410-b71b-82c7dcf2c7aa"
    ),
    "codex-error": AgentEnd(
        reason=Reason.CREDENTIALS_REJECTED,
        message="codex: "
        + REFUSED.format(
            "unexpected status 401 Unauthorized: invalid api key, url: http://127.0.0.1:8080/v1/responses, "
            "request id: req_mock6"
        ),
        session_id="01a1fcb0-a80e-71a2-b783-aef46e0f7325",
    ),
    "gemini": AgentEnd(
        usage=Usage(
            input_tokens=4500, cache_read_tokens=2700, output_tokens=120, reasoning_tokens=15, model="gemini-2.5-pro"
        ),
        response=SAID,
        session_id="df2a6640-6e64-4b88-95af-2bbc8f7e30ff",
    ),
    "gemini-loop-warning": AgentEnd(
        reason=Reason.AGENT_INCOMPLETE,
        message="gemini stopped before it was done: Loop detected, stopping execution",
        usage=Usage(
            input_tokens=7500, cache_read_tokens=4500, output_tokens=225, reasoning_tokens=25, model="gemini-2.5-pro"
        ),
        session_id="e968e23f-9f19-41f6-a4b2-79bbd6384ee4",
    ),
    "gemini-error": AgentEnd(
        reason=Reason.CREDENTIALS_REJECTED,
        message="gemini: " + REFUSED.format("invalid api key"),
        usage=Usage(input_tokens=0, cache_read_tokens=0, output_tokens=0, reasoning_tokens=0, model="gemini-2.5-pro"),
        session_id="3a1baf4d-67bd-444c-8e51-20071d07fde8",
    ),
    "opencode": AgentEnd(
        usage=Usage(
            input_tokens=4500,
            cache_read_tokens=2700,
            cache_write_tokens=0,
            output_tokens=105,
            reasoning_tokens=15,
            cost_usd="0.00498",
        ),
        response=SAID,
        session_id="ses_e034bc10affeNAupdQey1Nm1qO",
    ),
    "opencode-error": AgentEnd(
        reason=Reason.CREDENTIALS_REJECTED,
        message="opencode: " + REFUSED.format("invalid api key"),
        session_id="ses_e034aa28affeF2sMV8Z27HnZJI",
    ),
    "opencode-late-error": AgentEnd(
        reason=Reason.AGENT_ERROR,
        message="opencode failed: internal error",
        usage=Usage(
            input_tokens=1500,
            cache_read_tokens=900,
            cache_write_tokens=0,
            output_tokens=40,
            reasoning_tokens=5,
            cost_usd="0.00167",
        ),
        session_id="ses_e0346ff2fffeEroSepPHWDn7sp",
    ),
}


def read(name: str, exit_code: int | None) -> AgentEnd:
    reader = find_agent(agent_of(name)).reader()
    for line in stream(name):
        reader.feed(line)
    return reader.end(exit_code)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recorded_run_is_read_as_it_ended(name):
    """Usage, answer and reason of a run are facts people pay for and act on."""
    assert EXPECTED[name] == read(name, EXIT_CODES[name])


def test_every_recording_is_expected_here():
    """A new recording without an expectation would prove nothing."""
    assert sorted(path.stem for path in STREAMS.glob("*.jsonl")) == sorted(EXPECTED)


@pytest.mark.parametrize("name", ["claude-code", "codex", "gemini", "opencode"])
def test_a_good_stream_with_a_bad_exit_code_is_a_failure(name):
    """Both must speak for success; one of them lies otherwise."""
    end = read(name, 3)

    assert Reason.AGENT_ERROR == end.reason
    assert f"{name} failed: it reported success but ended with exit code 3" == end.message
    assert SAID == end.response


@pytest.mark.parametrize("name", ["claude-code", "codex", "gemini", "opencode"])
@pytest.mark.parametrize(("exit_code", "reason"), [(0, Reason.AGENT_INCOMPLETE), (1, Reason.AGENT_ERROR)])
def test_a_stream_that_breaks_off_is_no_success(name, exit_code, reason):
    """Interrupted CLIs end with exit code 0 and no closing event."""
    reader = find_agent(name).reader()
    for line in stream(name)[:2]:
        reader.feed(line)

    assert reason == reader.end(exit_code).reason


@pytest.mark.parametrize("name", ["claude-code", "codex", "gemini", "opencode", "cursor", "demo"])
def test_an_empty_stream_is_no_success(name):
    """A program that prints nothing and exits with 0 did nothing that we know of."""
    assert Reason.AGENT_INCOMPLETE == find_agent(name).reader().end(0).reason
