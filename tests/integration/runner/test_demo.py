"""The demo agent against a real git host: the whole way of a Task inside its pod."""

import pytest

from fakes.git_server import git
from kelos.api.outcome import GitFacts, Usage
from kelos.api.reasons import Reason

PROGRAM = """
write docs/NOTE.md: $(SECRET) `id` ünï
append docs/NOTE.md: second line
commit Add a note; rm -rf $HOME
push
say All done.
usage input=120 output=30 cache-read=7 cost=0.0042
"""


@pytest.fixture
def prepared(host, pod):
    pod.give_token(host.password)
    pod.env["KELOS_BRANCH"] = "kelos/demo"
    assert 0 == pod.prepare(KELOS_REPO=host.url("team/app")).exit_code
    return pod


def test_a_program_is_carried_out(host, prepared):
    """The branch is on the host, and every fact about it is told."""
    prepared.give_prompt(PROGRAM)

    ran = prepared.launch(SECRET="hidden-value")

    bare = host.bare("team/app")
    commit, start = (git("rev-parse", name, cwd=bare) for name in ("kelos/demo", "main"))
    assert "$(SECRET) `id` ünï\nsecond line" == git("show", "kelos/demo:docs/NOTE.md", cwd=bare)
    assert "Add a note; rm -rf $HOME" == git("log", "-1", "--format=%s", "kelos/demo", cwd=bare)
    assert 0 == ran.exit_code
    assert (
        GitFacts(branch="kelos/demo", commit=commit, base_branch="main", base_commit=start, pushed=True)
        == ran.outcome.git
    )
    assert (
        Usage(input_tokens=120, output_tokens=30, cache_read_tokens=7, cost_usd="0.0042", model="demo")
        == ran.outcome.usage
    )
    assert "All done." == ran.outcome.response


def test_a_commit_that_is_not_pushed_is_told_as_such(prepared):
    """The commit exists in a pod that is about to go."""
    prepared.give_prompt("write a: b\ncommit x\n")

    assert prepared.launch().outcome.git.pushed is False


def test_an_ordinary_prompt_is_answered(prepared):
    """People try the demo agent with a real prompt first."""
    prepared.give_prompt("Please fix the bug.")

    ran = prepared.launch()

    assert ran.outcome.is_success
    assert "found no command of mine" in ran.outcome.response


@pytest.mark.parametrize(
    ("program", "code", "reason", "words"),
    [
        ("fail as asked", 1, Reason.AGENT_ERROR, "demo failed: Line 1 (fail): as asked"),
        ("exit 7", 7, Reason.AGENT_ERROR, "exit code 7"),
        ("exit 0", 81, Reason.AGENT_INCOMPLETE, "no closing event"),
        ("say x\npish", 1, Reason.AGENT_ERROR, "Line 2 of the prompt is no command of the demo agent: 'pish'"),
        ("write ../x: y", 1, Reason.AGENT_ERROR, "is not a plain path inside the checkout"),
        ("write .git/config: y", 1, Reason.AGENT_ERROR, "lies in git's own folder"),
        ("commit nothing there", 1, Reason.AGENT_ERROR, "Line 1 (commit): git commit"),
    ],
)
def test_a_failure_is_a_failure(prepared, program, code, reason, words):
    """Pipelines are tried with it before an agent costs money."""
    prepared.give_prompt(program)

    ran = prepared.launch()

    assert (code, reason) == (ran.exit_code, ran.outcome.reason)
    assert words in ran.outcome.message


def test_a_push_that_is_refused_fails(host, prepared):
    prepared.give_token("tok-wrong-1234")
    prepared.give_prompt("write a: b\ncommit x\npush\n")

    ran = prepared.launch()

    assert Reason.AGENT_ERROR is ran.outcome.reason
    assert "Line 3 (push): git push" in ran.outcome.message
    assert "tok-wrong" not in ran.document + ran.stderr


def test_a_push_that_a_rule_of_the_host_refuses_says_so(host, prepared):
    """git's last line only tells that something failed."""
    hook = host.bare("team/app") / "hooks/update"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    prepared.give_prompt("write a: b\ncommit x\npush\n")

    ran = prepared.launch()

    assert "Line 3 (push): git push: ! [remote rejected]" in ran.outcome.message


def test_without_a_workspace_it_still_talks(pod):
    """There is nothing to commit, and that is no fault of the runner."""
    pod.give_prompt("say hello")

    ran = pod.launch()

    assert (GitFacts(), "hello") == (ran.outcome.git, ran.outcome.response)


def test_a_link_of_the_repository_leads_nowhere(open_host, pod):
    """`append` would read what it points to into the checkout, and `push` would publish it."""
    pod.prepare(KELOS_REPO=open_host.url("team/app"))
    (pod.root / "secret").write_text("s3cr3t")
    (pod.checkout / "link").symlink_to(pod.root / "secret")

    ran = pod.launch("append link: x")

    assert Reason.AGENT_ERROR is ran.outcome.reason
    assert "'link' is a link that leads out of the checkout" in ran.outcome.message
    assert (pod.checkout / "link").is_symlink()
