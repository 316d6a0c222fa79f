"""Names, branches and durations are checked before anything is sent."""

import subprocess

import pytest

from kelos.api.checks import check_name, duration_seconds, excerpt, is_branch_name
from kelos.errors import UserError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("1.5h", 5400), ("1500ms", 2), ("0", 0), ("0s", 0), (" 5m ", 300)],
)
def test_durations_are_written_as_in_go(text, seconds):
    """The same text means the same in the CLI, the Action and a manifest's pollInterval."""
    assert seconds == duration_seconds(text, "timeout")


@pytest.mark.parametrize("text", ["", "60", "5", "m", "5 m", "-5m", "1d", "5m!", "$(id)", "9" * 400 + "h", "0.0.1s"])
def test_anything_else_is_no_duration(text):
    """A bare number is ambiguous beside `timeout-minutes`, so it is refused instead of guessed."""
    with pytest.raises(UserError, match=r"timeout .* is not a duration: write it like 90s, 30m or 1h30m"):
        duration_seconds(text, "timeout")


def test_a_duration_beyond_the_api_is_refused():
    """The field is 32 bits wide."""
    with pytest.raises(UserError, match="too long"):
        duration_seconds("999999h", "timeout")


BRANCHES = """main fix/1 a-b_c.d ünïcode a@b @ @x HEAD HEADs x.lock2 -x /x x/ x. .x a/.b a..b a//b
    a~1 a^ a:b a? a* a[b
    a\\b a@{1} x.lock x.lock/y $(id) `id` a;b a'b"""
UNPRINTABLE = ["a b", "a\tb", "a\nb", "a\x7f"]


@pytest.mark.parametrize("name", [*BRANCHES.split(), *UNPRINTABLE])
def test_we_accept_the_branches_that_git_accepts(name):
    """Git is the judge: a name we let through must not fail in the pod, and no good one may be refused here."""
    git = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, check=False, timeout=120)

    assert (git.returncode == 0) == is_branch_name(name)


@pytest.mark.parametrize("name", ["a", "a.b", "0-1", "x" * 253])
def test_names_of_objects_are_dns_subdomains(name):
    """What Kubernetes accepts, we accept."""
    assert name == check_name(name, "Workspace")


def test_an_excerpt_is_one_short_printable_line():
    """Error texts are shown in logs and annotations, where outside text must not act."""
    assert "a?b" == excerpt("a\nb")
    assert 60 == len(excerpt("x" * 1000))
