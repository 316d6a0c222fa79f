"""The demo agent's vocabulary."""

import pytest

from kelos.agents.demo import Command, check_path, parse_program, parse_usage
from kelos.errors import UserError

PROGRAM = """
# all of it
write docs/a b.md: one: two
append x:
commit Say it  twice
push
sleep 0.25
say $(SECRET) `id` "quoted"
usage input=12 output=3 cache-read=4 cache-write=5 cost=0.001
fail as asked
exit 7
"""


def test_every_command_is_read():
    """Text stays text, whatever a shell would make of it."""
    assert (
        Command(verb="write", path="docs/a b.md", text="one: two", line=3),
        Command(verb="append", path="x", line=4),
        Command(verb="commit", text="Say it  twice", line=5),
        Command(verb="push", line=6),
        Command(verb="sleep", text="0.25", line=7),
        Command(verb="say", text='$(SECRET) `id` "quoted"', line=8),
        Command(verb="usage", text="input=12 output=3 cache-read=4 cache-write=5 cost=0.001", line=9),
        Command(verb="fail", text="as asked", line=10),
        Command(verb="exit", text="7", line=11),
    ) == parse_program(PROGRAM)


def test_amounts_are_named():
    assert {"input": "1", "cost": "0.5"} == parse_usage("input=1 cost=0.5")


@pytest.mark.parametrize("prompt", ["", "Fix the bug, please.", "# only\n\n# remarks", "Write a haiku"])
def test_a_prompt_without_commands_is_no_program(prompt):
    """Somebody tries a real prompt first."""
    assert () == parse_program(prompt)


@pytest.mark.parametrize(
    "line", ["pish", "sleep long", "sleep 100000", "exit 300", "usage tokens=1", "write x", "commit", "push now"]
)
def test_a_line_it_cannot_read_is_named_before_anything_is_done(line):
    """Half a program done is worse than none."""
    with pytest.raises(UserError, match=rf"Line 2 of the prompt is no command of the demo agent: '{line}'"):
        parse_program(f"say hello\n{line}\n")


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", ".git/config", "a/.GIT/hooks/x", "a\\b"]
)
def test_paths_stay_in_the_checkout(path):
    """And out of git's own folder, where a file becomes a program."""
    with pytest.raises(UserError):
        check_path(path)


def test_a_plain_path_is_fine():
    assert "docs/a b.md" == check_path("docs/a b.md")
