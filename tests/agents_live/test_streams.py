"""The streams are the ones our readers were written for. With AGENT_VERSIONS=latest this is the news."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agents_live.bench import Bench
from agents_live.clis import CLAUDE, CODEX, GEMINI, OPENCODE, Cli
from agents_live.streams import differences, never_seen
from providers.scenario import Fail, Run, Say, scenario

WORKED = {
    CLAUDE: ("system/init", "assistant", "user", "result"),
    CODEX: ("thread.started", "turn.started", "item.started", "item.completed", "turn.completed"),
    GEMINI: ("init", "message", "tool_use", "tool_result", "result"),
    OPENCODE: ("step_start", "tool_use", "step_finish", "text"),
}
FAILED = {CLAUDE: ("result",), CODEX: ("turn.failed",), GEMINI: ("result",), OPENCODE: ("error",)}
each = pytest.mark.parametrize("cli", WORKED, ids=lambda cli: cli.label)


@each
def test_the_stream_of_a_run_that_works(bench: Callable[[Cli], Bench], cli: Cli) -> None:
    """Our readers pass over what they do not know: nobody would notice otherwise."""
    events = bench(cli).play(scenario(Run("echo here"), Say("Done."))).events

    assert [] == differences(cli.agent, events) + never_seen(cli.agent, events, WORKED[cli])


@each
def test_the_stream_of_a_run_that_fails(bench: Callable[[Cli], Bench], cli: Cli) -> None:
    events = bench(cli).play(scenario(Fail(401))).events

    assert [] == differences(cli.agent, events) + never_seen(cli.agent, events, FAILED[cli])
