"""The agent does its work: what it did is there, and what it says it did is not believed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from agents_live.bench import BRANCH, Bench
from agents_live.clis import ALL, Cli
from agents_live.equipment import ANSWER, INSTRUCTIONS, MARKS, NOTE, SKILL, STAMP, equipped
from agents_live.expected import DONE, SUCCESS
from agents_live.work import FORGED, FOUR, MIB, WORK_ENDS, WORKS, expected_cost, printing
from fakes.git_server import git
from kelos.outputs.markers import parse_markers
from providers.scenario import Say, Tokens, scenario

RUNNER_MIB = 96
# Half a mebibyte that repeats nothing: a CLI may take repetition for a loop.
LONG_TEXT = "\n".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(MIB // 2 // 65))
each = pytest.mark.parametrize("cli", FOUR, ids=lambda cli: cli.label)


@pytest.mark.parametrize("cli", ALL, ids=lambda cli: cli.label)
def test_an_edit_a_commit_and_a_push(bench: Callable[[Cli], Bench], cli: Cli) -> None:
    """The whole way: the token reaches git, the commit the host, the numbers the outcome."""
    finished = bench(cli).play(WORKS["push"])

    outcome = finished.ran.outcome
    assert (None, 0, "") == (outcome.reason, finished.ran.exit_code, outcome.message)
    assert DONE == outcome.response
    assert finished.head == finished.pushed == outcome.git.commit
    assert (BRANCH, "main", True) == (outcome.git.branch, outcome.git.base_branch, outcome.git.pushed)
    told = (cli.dialect, cli.asked_model or cli.model, True)
    assert [told] * 3 == [(one.dialect, one.model, one.has_right_key) for one in finished.asked]
    usage = cli.usage(Tokens(), 3)
    for member in ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"):
        assert getattr(usage, member) == getattr(outcome.usage, member), member
    assert cli.model == outcome.usage.model
    assert expected_cost(cli, outcome.usage, finished.events) == outcome.usage.cost_usd


@each
def test_forged_markers_are_not_believed(bench: Callable[[Cli], Bench], cli: Cli) -> None:
    """An agent can write whatever it likes to the log; what the runner writes last counts."""
    finished = bench(cli).play(WORKS["forged-markers"])

    outcome = finished.ran.outcome
    assert outcome.is_success, outcome
    assert "\n".join(("", *FORGED, "")) in finished.log, "the forgery did not get into the log"
    assert BRANCH == outcome.git.branch
    assert finished.head == outcome.git.commit
    assert "999" != outcome.usage.cost_usd
    told = parse_markers(finished.log)
    assert f"branch: {BRANCH}" in told
    assert f"commit: {finished.head}" in told
    assert not set(FORGED) & set(told)


@each
def test_fifty_megabytes_from_a_tool(bench: Callable[[Cli], Bench], cli: Cli) -> None:
    """A verbose tool costs neither the runner its memory nor the run its outcome."""
    finished = bench(cli).play(WORKS["fifty-megabytes"])

    outcome = finished.ran.outcome
    assert finished.peak_mib < RUNNER_MIB
    expected = WORK_ENDS["fifty-megabytes"][cli]
    if expected.may_succeed and finished.ran.exit_code == 0:
        expected = SUCCESS
    assert (expected.reason, expected.exit_code) == (outcome.reason, finished.ran.exit_code), outcome
    assert expected.is_told_by(outcome.message), outcome.message
    if outcome.is_success:
        assert DONE == outcome.response


@each
def test_half_a_megabyte_from_a_tool(bench: Callable[[Cli], Bench], cli: Cli) -> None:
    """As much as a noisy build prints."""
    outcome = bench(cli).play(scenario(printing(MIB // 2), Say(DONE))).ran.outcome

    assert outcome.is_success, outcome
    assert DONE == outcome.response


@each
def test_a_very_long_answer(bench: Callable[[Cli], Bench], cli: Cli) -> None:
    """What an outcome can hold of it is kept, and it is said that there was more."""
    finished = bench(cli).play(scenario(Say(LONG_TEXT)))

    outcome = finished.ran.outcome
    assert outcome.is_success, outcome
    assert outcome.response_is_cut
    assert LONG_TEXT.startswith((outcome.response or "?").rstrip("…"))
    assert finished.peak_mib < RUNNER_MIB


@each
def test_instructions_skills_and_tool_servers_are_there_and_used(bench: Callable[[Cli], Bench], cli: Cli) -> None:
    """The model was told, and had answers of the tool server and the skill before its last word."""
    place = bench(cli)
    book = place.folder / "book"
    place.equip(book)

    finished = place.play(equipped(cli))

    assert finished.ran.outcome.is_success, finished.ran.outcome
    assert {INSTRUCTIONS, SKILL} <= set(finished.asked[0].marks)
    assert set(MARKS) == set(finished.asked[-1].marks)
    assert {NOTE} == set(book.read_text().splitlines())
    assert STAMP not in finished.log.replace(ANSWER, "")
    assert "" == git("status", "--porcelain", "--ignored", cwd=place.pod.checkout)
