"""The readable log: turns with what was spent so far, one line for each tool, whole paragraphs."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_streams import stream
from kelos.action.log.show import UNFINISHED_LIMIT, Show, Spent
from kelos.api.outcome import Usage

COMMIT = "git add -A && git commit -q -m 'Add notes' && git log --oneline -1"
SAID = 'Added NOTES.md with one line and committed it as "Add notes".'


def shown(agent: str, lines: list[str], **known: bool) -> list[str]:
    show = Show(agent, **known)
    told = [show.feed("kelos-agent", line, "pod") for line in lines]
    return [line for text in (*told, show.end()) if text for line in text.split("\n")]


@pytest.mark.parametrize(
    ("agent", "lines"),
    [
        (
            "claude-code",
            [
                "[init] model=claude-opus-5-5",
                "",
                "--- Turn 1 (tokens 2.4k in so far) ---",
                "  [tool] Write: /workspace/repo/NOTES.md",
                "",
                "--- Turn 2 (tokens 4.8k in so far) ---",
                f"  [tool] Bash: {COMMIT}",
                "",
                "--- Turn 3 (tokens 7.2k in so far) ---",
                SAID,
                "[result] completed (3 turns, $0.0215)",
            ],
        ),
        (
            "codex",
            [
                "",
                "--- Turn 1 ---",
                "  [command] /bin/bash -lc \"printf 'written by the agent\\\\n' > NOTES.md\"",
                f'  [command] /bin/bash -lc "{COMMIT}"',
                SAID,
                "[usage] input=7200 cached=2700 output=105",
            ],
        ),
        (
            "gemini",
            [
                "[init] model=gemini-2.5-pro",
                "",
                "--- Turn 1 ---",
                "  [tool] write_file: /workspace/repo/NOTES.md",
                "",
                "--- Turn 2 ---",
                f"  [tool] run_shell_command: {COMMIT}",
                "",
                "--- Turn 3 ---",
                SAID,
                "[result] completed (input=4500, output=120)",
            ],
        ),
        (
            "opencode",
            [
                "",
                "--- Turn 1 ---",
                "  [tool] write: /workspace/repo/NOTES.md",
                "[result] completed (input=1500, output=35)",
                "",
                "--- Turn 2 ($0.0017, tokens 2.4k in 40 out so far) ---",
                f"  [tool] bash: {COMMIT}",
                "[result] completed (input=1500, output=35)",
                "",
                "--- Turn 3 ($0.0033, tokens 4.8k in 80 out so far) ---",
                SAID,
                "[result] completed (input=1500, output=20)",
            ],
        ),
    ],
)
def test_a_recorded_run_reads_like_a_story(agent, lines):
    """The streams are those of the published programs."""
    assert lines == shown(agent, list(stream(agent)))


@pytest.mark.parametrize(
    ("agent", "spent"),
    [
        ("claude-code", "$0.0215, tokens 7.2k in 105 out"),
        ("codex", "tokens 7.2k in 105 out"),
        ("gemini", "tokens 7.2k in 120 out"),
        ("opencode", "$0.0050, tokens 7.2k in 105 out"),
    ],
)
def test_what_a_run_spent_is_what_its_outputs_will_say(agent, spent):
    """Cached tokens are tokens that went in."""
    show = Show(agent)
    for line in stream(agent):
        show.feed("kelos-agent", line, "pod")

    assert spent == str(show.spent)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=300), st.data())
def test_an_answer_in_pieces_is_shown_in_whole_lines(answer, data):
    """Gemini sends an answer in pieces that end anywhere."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(answer)), max_size=5)))
    pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    lines = [json.dumps({"type": "message", "role": "assistant", "content": piece, "delta": True}) for piece in pieces]
    whole = json.dumps({"type": "message", "role": "assistant", "content": answer, "delta": True})

    assert shown("gemini", [whole]) == shown("gemini", lines)


def test_a_long_paragraph_does_not_wait_for_its_end():
    """The log is live."""
    show = Show("gemini")
    piece = json.dumps({"type": "message", "role": "assistant", "content": "x" * 500, "delta": True})

    told = [show.feed("kelos-agent", piece, "pod") for _ in range(6)]

    assert UNFINISHED_LIMIT < len(told[4]) <= UNFINISHED_LIMIT + 500
    assert 3000 == sum(text.count("x") for text in (*told, show.end()))


def test_a_new_pod_is_a_new_run_whose_cost_is_added():
    """A retried Task paid for both attempts."""
    show = Show("opencode")
    for pod in ("first", "second"):
        for line in stream("opencode"):
            show.feed("kelos-agent", line, pod)

    assert "$0.0100, tokens 14.4k in 210 out" == str(show.spent)


def test_an_attempt_that_broke_off_inside_its_outputs_hides_nothing_of_the_next():
    """The pod was evicted while it wrote them."""
    show = Show("codex")
    show.feed("kelos-agent", "---KELOS_OUTPUTS_START---", "first")

    assert "hello" == show.feed("kelos-agent", "hello", "second")


def test_raw_is_what_the_agent_printed():
    """For those who read JSON, or search for a fault of ours."""
    lines = [*stream("codex"), "---KELOS_OUTPUTS_START---", "branch: b", "---KELOS_OUTPUTS_END---"]

    assert lines == shown("codex", lines, is_raw=True)


@pytest.mark.parametrize(
    ("usages", "words"),
    [
        ([], ""),
        ([Usage(cost_usd="0.5")], "$0.5000"),
        ([Usage(cost_usd="0.75"), Usage(cost_usd="1.5")], "$2.25"),
        ([Usage(input_tokens=999)], "tokens 999 in"),
        ([Usage(input_tokens=1000, cache_read_tokens=500, output_tokens=2_500_000)], "tokens 1.5k in 2.5M out"),
        ([Usage(output_tokens=1), Usage()], "tokens 1 out"),
    ],
)
def test_money_and_tokens_are_short_words(usages, words):
    """Nobody reads seven digits in a heartbeat."""
    spent = Spent()
    for usage in usages:
        spent += usage

    assert words == str(spent)


def test_money_is_added_exactly():
    """Ten cents are not 0.30000000000000004."""
    spent = Spent() + Usage(cost_usd="0.1") + Usage(cost_usd="0.2")

    assert Decimal("0.3") == spent.cost
