"""The reference's usage vectors, and where we say more or say otherwise on purpose."""

import json

import pytest

from kelos.agents.registry import find_agent
from kelos.api.outcome import AgentEnd, Usage
from kelos.api.reasons import Reason


def read(agent: str, *events: object, exit_code: int = 0) -> AgentEnd:
    reader = find_agent(agent).reader()
    for event in events:
        reader.feed(event if isinstance(event, str) else json.dumps(event))
    return reader.end(exit_code)


def test_claude_result():
    """Cost keeps its digits; beyond the reference, cache reads are counted."""
    end = read(
        "claude-code",
        '{"type":"result","subtype":"success","is_error":false,"total_cost_usd":0.0421,'
        '"usage":{"input_tokens":12,"output_tokens":34,"cache_read_input_tokens":5000},"result":"done"}',
    )

    assert (
        AgentEnd(
            usage=Usage(input_tokens=12, output_tokens=34, cache_read_tokens=5000, cost_usd="0.0421"), response="done"
        )
        == end
    )


def test_claude_tool_use_is_no_end():
    """The reference keeps `1e-05` as text; ours is the plain decimal that every reader understands."""
    end = read(
        "claude-code",
        '{"type":"result","subtype":"success","stop_reason":"tool_use","total_cost_usd":1e-05}',
    )

    assert (Reason.AGENT_INCOMPLETE, "0.00001") == (end.reason, end.usage.cost_usd)


def test_claude_max_turns():
    end = read("claude-code", {"type": "result", "subtype": "error_max_turns", "is_error": True})

    assert (Reason.AGENT_INCOMPLETE, Usage()) == (end.reason, end.usage)


def test_claude_without_a_result_is_no_success():
    """The reference accepts it; an interrupted run looks exactly like this."""
    end = read("claude-code", {"type": "assistant", "message": {"content": []}})

    assert Reason.AGENT_INCOMPLETE == end.reason


def test_codex_turns_add_up():
    end = read(
        "codex",
        {"type": "turn.completed", "usage": {"input_tokens": 10, "output_tokens": 2}},
        {"type": "item.completed", "item": {"type": "agent_message", "text": "hi"}},
        {"type": "turn.completed", "usage": {"input_tokens": 5, "output_tokens": 1}},
        "no JSON",
    )

    assert AgentEnd(usage=Usage(input_tokens=15, output_tokens=3), response="hi") == end


def test_gemini_whole_message_and_camel_case():
    end = read(
        "gemini",
        {"type": "message", "role": "assistant", "content": "full"},
        {"type": "result", "status": "success", "stats": {"inputTokens": 7, "outputTokens": 0}},
    )

    assert AgentEnd(usage=Usage(input_tokens=7, output_tokens=0), response="full") == end


def test_gemini_deltas_and_snake_case():
    """The reference reads neither; the real CLI prints nothing else."""
    end = read(
        "gemini",
        {"type": "message", "role": "assistant", "content": "par", "delta": True},
        {"type": "message", "role": "assistant", "content": "ts", "delta": True},
        {"type": "result", "status": "success", "stats": {"input_tokens": 7}},
    )

    assert AgentEnd(usage=Usage(input_tokens=7), response="parts") == end


def test_opencode_text_in_its_part_and_cost():
    """The reference misses the text and the cost."""
    end = read(
        "opencode",
        {"type": "text", "part": {"text": "done"}},
        {"type": "step_finish", "part": {"reason": "stop", "tokens": {"input": 3, "output": 4}, "cost": 0.5}},
    )

    assert AgentEnd(usage=Usage(input_tokens=3, output_tokens=4, cost_usd="0.5"), response="done") == end


def test_cursor_result():
    """From its documentation; no recording exists."""
    end = read(
        "cursor",
        {
            "type": "result",
            "subtype": "success",
            "is_error": False,
            "result": "ok",
            "usage": {"inputTokens": 1, "outputTokens": 2},
        },
    )

    assert AgentEnd(usage=Usage(input_tokens=1, output_tokens=2), response="ok") == end


def claude(**members):
    return {"type": "result", "subtype": "success", "is_error": True, **members}


def codex(message):
    return {"type": "turn.failed", "error": {"message": message}}


def gemini(message, kind="unknown"):
    return {"type": "result", "status": "error", "error": {"type": kind, "message": message}}


def opencode(reason):
    return {"type": "step_finish", "part": {"reason": reason}}


def opencode_error(name, **data):
    return {"type": "error", "error": {"name": name, "data": data}}


ENDS_OF_THE_STREAM = [
    (claude(api_error_status=429), Reason.RATE_LIMITED),
    (claude(api_error_status=529), Reason.RATE_LIMITED),
    (claude(api_error_status=500, result="API Error: 500 overload"), Reason.AGENT_ERROR),
    (claude(result="x", api_error_type="rate_limit_error"), Reason.RATE_LIMITED),
    (claude(result="Not logged in · Please run /login"), Reason.CREDENTIALS_REJECTED),
    (claude(subtype="error_max_budget_usd"), Reason.AGENT_INCOMPLETE),
    (claude(subtype="error_during_execution", errors=["No conversation found"]), Reason.AGENT_ERROR),
    (claude(is_error=False, terminal_reason="aborted"), Reason.AGENT_INCOMPLETE),
    (claude(is_error=False, stop_reason="max_tokens"), Reason.AGENT_INCOMPLETE),
    (codex("exceeded retry limit, last status: 429 Too Many Requests"), Reason.RATE_LIMITED),
    (codex("Quota exceeded. Check your plan and billing details."), Reason.RATE_LIMITED),
    (codex("stream disconnected before completion: eof"), Reason.AGENT_ERROR),
    (codex(None), Reason.AGENT_ERROR),
    (gemini("Reached max session turns", "FatalTurnLimitedError"), Reason.AGENT_INCOMPLETE),
    (gemini('[API Error: {"error":{"code":429,"message":"x"}}]'), Reason.RATE_LIMITED),
    (gemini('[API Error: {"error":{"code":403,"message":"x"}}]'), Reason.CREDENTIALS_REJECTED),
    (gemini('[API Error: {"error":{"code":500,"message":"x"}}]'), Reason.AGENT_ERROR),
    (opencode("tool-calls"), Reason.AGENT_INCOMPLETE),
    (opencode("length"), Reason.AGENT_INCOMPLETE),
    (opencode_error("APIError", message="slow down", statusCode=429), Reason.RATE_LIMITED),
    (opencode_error("UnknownError"), Reason.AGENT_ERROR),
]


def agent_of(event) -> str:
    if event["type"] == "result":
        return "claude-code" if "subtype" in event else "gemini"
    return "codex" if event["type"] == "turn.failed" else "opencode"


@pytest.mark.parametrize(("event", "reason"), ENDS_OF_THE_STREAM)
def test_a_failure_has_the_reason_that_helps(event, reason):
    """Retry, new credentials, a smaller job: what to do next depends on it, and the exit code may lie."""
    assert reason == read(agent_of(event), event, exit_code=0).reason


@pytest.mark.parametrize(
    ("agent", "exit_code", "stderr", "reason"),
    [
        ("claude-code", 1, "cannot be used with root/sudo privileges", Reason.AGENT_ERROR),
        ("gemini", 41, "Invalid auth method selected.", Reason.CREDENTIALS_REJECTED),
        ("gemini", 53, "", Reason.AGENT_INCOMPLETE),
        ("gemini", 55, "untrusted folder", Reason.AGENT_ERROR),
        ("gemini", 145, "", Reason.CREDENTIALS_REJECTED),
        ("gemini", 173, "", Reason.RATE_LIMITED),
        ("codex", 1, "Error: config.toml: duplicate key\n", Reason.AGENT_ERROR),
        ("cursor", 1, "Authentication required. Please set CURSOR_API_KEY\nbye", Reason.CREDENTIALS_REJECTED),
    ],
)
def test_a_program_that_fails_before_its_stream_is_read_from_stderr(agent, exit_code, stderr, reason):
    """Wrong flags, refused settings and missing keys are told there only."""
    reader = find_agent(agent).reader()

    assert reason == reader.end(exit_code, stderr).reason


def test_a_later_turn_of_codex_decides():
    """An earlier turn that went well does not excuse it."""
    end = read("codex", {"type": "turn.completed"}, {"type": "turn.started"}, codex("boom"))

    assert Reason.AGENT_ERROR == end.reason


def test_an_error_after_the_last_step_of_opencode_decides():
    """The step before it ended with "stop"."""
    end = read("opencode", opencode("stop"), opencode_error("UnknownError"))

    assert Reason.AGENT_ERROR == end.reason


def test_opencode_is_stopped_when_it_asks_for_ever():
    """Without a finish reason it calls the provider again and again; somebody pays for that."""
    reader = find_agent("opencode").reader()
    step = json.dumps({"type": "step_finish", "part": {"reason": "unknown"}})
    for _ in range(4):
        reader.feed(step)
    assert reader.should_stop is None

    reader.feed(step)

    assert reader.should_stop is not None
    assert Reason.AGENT_INCOMPLETE == reader.end(143).reason


def test_a_message_is_one_clean_sentence():
    """It ends in a status and in a terminal: no escape sequences, no line ends, no keys, no endless text."""
    said = "\x1b[31mboom\x1b[0m\n\tkey sk-ant-REDACTED123456 at https://u:secret@h/\x00 " + "x" * 2000
    end = read("codex", {"type": "turn.failed", "error": {"message": said}}, exit_code=1)

    assert end.message.startswith("codex failed: boom key *** at https://***h/ xxx")
    assert len(end.message) <= 500
    assert end.message.isprintable()


def test_gemini_tells_what_its_error_event_said():
    """The result event of a blocked or broken answer says only that there was an error."""
    said = {"type": "error", "severity": "error", "message": "The model response was blocked due to safety settings."}

    end = read("gemini", said, {"type": "result", "status": "error"}, exit_code=0)

    assert "gemini failed: The model response was blocked due to safety settings" == end.message
