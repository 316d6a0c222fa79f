"""However a provider behaves, the outcome says what happened."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from agents_live.bench import Bench
from agents_live.clis import CLAUDE, GEMINI, Cli
from agents_live.expected import CASES, DONE, ENDS, SCENARIOS, TURNS
from kelos.api import names

NAMES = [f"{cli.label}-{name}" for name, cli in CASES]


@pytest.mark.parametrize(("name", "cli"), CASES, ids=NAMES)
def test_an_ending(bench: Callable[[Cli], Bench], name: str, cli: Cli) -> None:
    """Reason, sentence and exit code are what people and pipelines act on."""
    expected, made = ENDS[name][cli], bench(cli)
    if expected.limit_seconds is not None:
        made.env[names.ENV_TIMEOUT_SECONDS] = str(expected.limit_seconds)
    if name == "endless-tools":
        _limit_turns(made)

    finished = made.play(SCENARIOS[name])

    outcome = finished.ran.outcome
    assert (expected.reason, expected.exit_code) == (outcome.reason, finished.ran.exit_code), outcome
    assert expected.is_told_by(outcome.message, expected.limit_seconds), outcome.message
    assert outcome.exit_code == finished.ran.exit_code
    assert cli.model == outcome.usage.model
    assert all(one.has_right_key for one in finished.asked)
    assert finished.asked
    assert "" == finished.pushed
    assert not outcome.git.pushed
    if outcome.is_success:
        assert DONE == outcome.response


def _limit_turns(made: Bench) -> None:
    if made.cli is CLAUDE:
        made.add_argument(f"--max-turns={TURNS}")
    if made.cli is GEMINI:
        made.give_home_file(".gemini/settings.json", json.dumps({"model": {"maxSessionTurns": TURNS}}))
