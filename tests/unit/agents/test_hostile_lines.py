"""Whatever stands in a line, a reader goes on and never invents a success."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_streams import EXIT_CODES, agent_of, stream
from kelos.agents.json_lines import count, number, parse_line, plain
from kelos.agents.registry import AGENTS, reader_for
from kelos.api.reasons import Reason

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SAMPLES = [json.loads(line) for name in EXIT_CODES for line in stream(name)] + [
    {"type": "tool_call", "subtype": "started", "tool_call": {"readToolCall": {"args": {"path": "a"}}}},
    {"type": "result", "usage": {"inputTokens": 1, "cost": "0.1"}, "result": "x"},
    {"type": "init", "session": "s"},
    {"type": "message", "text": "x"},
    {"type": "tool", "name": "write", "input": "a"},
]


def paths(value, so_far=()):
    yield so_far
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*so_far, key))


def replaced(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@st.composite
def mangled_events(draw):
    """A real event in which one value became something else."""
    event = draw(st.sampled_from(SAMPLES))
    return replaced(event, draw(st.sampled_from(list(paths(event)))), draw(ANYTHING))


@pytest.mark.parametrize("agent", sorted(AGENTS))
@settings(max_examples=150, deadline=None)
@given(
    events=st.lists(mangled_events(), max_size=4),
    exit_code=st.none() | st.integers(0, 255),
    stderr=st.text(max_size=60),
)
def test_no_json_value_breaks_a_reader(agent, events, exit_code, stderr):
    """A crash of the reader would lose the outcome of a run that was paid for."""
    reader = reader_for(agent)
    shown = [piece for event in events for piece in reader.feed(json.dumps(event))]
    end = reader.end(exit_code, stderr)

    for piece in shown:
        piece.text.encode()
        assert "\x1b" not in piece.text
    assert len(end.message) <= 500
    end.message.encode()


@settings(max_examples=200, deadline=None)
@given(line=st.text(max_size=200))
def test_no_text_breaks_a_reader(line):
    """CLIs mix free text into their streams."""
    for agent in AGENTS:
        reader = reader_for(agent)
        reader.feed(line)
        reader.end(0)


@pytest.mark.parametrize(
    "line",
    [
        '{"type":"result","total_cost_usd":1e999999999999999999999}',
        '{"type":"result","total_cost_usd":NaN,"usage":{"input_tokens":Infinity}}',
        '{"type":"result","usage":{"input_tokens":' + "9" * 5000 + "}}",
        '{"a":' * 100_000,
        '{"type":"result","result":"\\ud800 half"}',
        '{"type":"step_finish","part":{"cost":-1,"tokens":{"input":-5}}}',
    ],
)
def test_absurd_numbers_and_depths_are_survived(line):
    """They are legal JSON, or nearly."""
    for agent in AGENTS:
        reader = reader_for(agent)
        reader.feed(line)
        end = reader.end(0)

        assert end.usage.input_tokens is None
        assert end.usage.cost_usd is None
        (end.response or "").encode()


@pytest.mark.parametrize("name", sorted(EXIT_CODES))
def test_unknown_events_and_keys_change_nothing(name):
    """New versions of a CLI add some."""
    plain_reader, noisy = reader_for(agent_of(name)), reader_for(agent_of(name))
    for line in stream(name):
        plain_reader.feed(line)
        noisy.feed('{"type":"brand.new","part":[1],"item":"x"}')
        noisy.feed(json.dumps({"newKey": {"deep": []}, **json.loads(line)}))
        noisy.feed("warning: free text")

    assert plain_reader.end(EXIT_CODES[name]) == noisy.end(EXIT_CODES[name])


def test_numbers_keep_their_digits():
    """Money is not a float."""
    event = parse_line('{"cost": 0.10000000000000000555, "n": 3.0, "t": true}')

    assert "0.10000000000000000555" == plain(number(event, "cost"))
    assert 3 == count(event, "n")
    assert count(event, "t") is None


@pytest.mark.parametrize(
    ("agent", "events"),
    [
        ("codex", [{"type": "turn.started"}, {"type": "turn.completed"}, {"type": "turn.started"}]),
        (
            "opencode",
            [
                {"type": "step_start", "part": {"type": "step-start"}},
                {"type": "step_finish", "part": {"type": "step-finish", "reason": "stop"}},
                {"type": "step_start", "part": {"type": "step-start"}},
            ],
        ),
    ],
)
def test_what_began_again_and_never_ended_is_no_success(agent, events):
    """An earlier end says nothing about work that was started after it."""
    whole, broken = reader_for(agent), reader_for(agent)
    for event in events[:-1]:
        whole.feed(json.dumps(event))
    for event in events:
        broken.feed(json.dumps(event))

    assert whole.end(0).reason is None
    assert Reason.AGENT_INCOMPLETE is broken.end(0).reason
