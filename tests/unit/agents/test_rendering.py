"""How a run looks to a person who follows its log."""

import pytest

from agent_streams import agent_of, stream
from kelos.agents.protocol import Stream
from kelos.agents.registry import reader_for
from kelos.agents.rendering import tool

SAID = 'Added NOTES.md with one line and committed it as "Add notes".\n'
COMMIT = "git add -A && git commit -q -m 'Add notes' && git log --oneline -1"


def render(name):
    reader = reader_for(agent_of(name))
    shown = [piece for line in stream(name) for piece in reader.feed(line)]
    return tuple("".join(p.text for p in shown if p.stream is stream_) for stream_ in Stream)


@pytest.mark.parametrize(
    ("name", "talk"),
    [
        (
            "claude-code",
            (
                "[init] model=claude-opus-5-5\n\n--- Turn 1 ---\n[tool] Write: /workspace/repo/NOTES.md\n"
                f"\n--- Turn 2 ---\n[tool] Bash: {COMMIT}\n\n--- Turn 3 ---\n[result] completed (3 turns, $0.0215)\n"
            ),
        ),
        (
            "codex",
            (
                "\n--- Turn 1 ---\n[command] /bin/bash -lc \"printf 'written by the agent\\\\n' > NOTES.md\"\n"
                f'[command] /bin/bash -lc "{COMMIT}"\n[usage] input=7200 cached=2700 output=105\n'
            ),
        ),
        (
            "gemini",
            (
                "[init] model=gemini-2.5-pro\n[tool] write_file: /workspace/repo/NOTES.md\n"
                f"[tool] run_shell_command: {COMMIT}\n[result] completed (input=4500, output=120)\n"
            ),
        ),
        (
            "opencode",
            (
                "[tool] write: /workspace/repo/NOTES.md\n[result] completed (input=1500, output=35)\n"
                f"[tool] bash: {COMMIT}\n[result] completed (input=1500, output=35)\n"
                "[result] completed (input=1500, output=20)\n"
            ),
        ),
    ],
)
def test_the_answer_is_on_stdout_and_the_story_on_stderr(name, talk):
    """`kelos logs task > answer.txt` keeps what the agent said and nothing else."""
    assert (SAID, talk) == render(name)


def test_a_failed_run_shows_its_error_once():
    answer, talk = render("claude-code-error")

    assert "Failed to authenticate. API Error: 401 invalid api key\n" == answer
    assert "[result] error (api_error) (1 turns, $0.0000)" in talk


def test_lines_that_are_no_events_go_through():
    """The setup command's output is in the same log."""
    reader = reader_for("codex")

    assert ["plain \x1b[31mred\n"] == [piece.text for piece in reader.feed("plain \x1b[31mred")]
    assert () == reader.feed("   ")


def test_a_tool_is_one_line_of_bounded_length():
    assert "[tool] Bash: a\\nb\n" == tool("Bash", {"command": "a\nb"}).text
    assert f"[tool] Bash: {'x' * 120}...\n" == tool("Bash", {"command": "x" * 500}).text
    assert "[tool] Odd\n" == tool("Odd", ["no", "object"]).text


def test_an_unknown_agent_is_read_like_claude():
    """Logs of images we do not know are still shown."""
    assert () == reader_for("other").feed('{"type":"unheard"}')
