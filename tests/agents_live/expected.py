"""What every CLI makes of every fault: a table, so that a change of one cell is seen as one."""

from __future__ import annotations

from dataclasses import dataclass

from agents_live.clis import CLAUDE, CODEX, GEMINI, OPENCODE, OPENCODE_ANTHROPIC, Cli
from kelos.api.reasons import Reason
from providers.scenario import Cut, Fail, Refuse, Run, Say, Scenario, scenario

DONE = "Added NOTES.md and pushed it."
TURNS = 3
SHORT_SECONDS = 25


@dataclass(frozen=True, slots=True)
class End:
    """Reason (None for success), the runner's exit code, a part of the message; `limit_seconds` is a limit of ours."""

    reason: Reason | None
    exit_code: int
    message: str = ""
    limit_seconds: int | None = None
    may_succeed: bool = False
    """Whether the same CLI may also come to a good end: it is a race of its own."""
    also: str = ""
    """What the same CLI says instead, from one run to the next."""

    def is_told_by(self, said: str, limit_seconds: int | None = None) -> bool:
        """Whether a message says it, for a run with this limit."""
        forms = (self.message, self.also) if self.also else (self.message,)
        return any(form.replace("{limit}", str(limit_seconds)) in said for form in forms)


SUCCESS = End(None, 0)
# After a minute of trying; which of the two depends on how the closed connection is noticed.
RESET = End(Reason.AGENT_ERROR, 1, "Connection reset by server", also="connection was closed unexpectedly")
TIMED_OUT = End(Reason.DEADLINE_EXCEEDED, 84, "limit of {limit} seconds", SHORT_SECONDS)


def _failed(exit_code: int, message: str) -> End:
    return End(Reason.AGENT_ERROR, exit_code, message)


def _rejected(exit_code: int) -> End:
    return End(Reason.CREDENTIALS_REJECTED, exit_code, "check the Secret of spec.credentials")


def _limited(exit_code: int) -> End:
    return End(Reason.RATE_LIMITED, exit_code, "the provider's limit is reached")


def _unfinished(exit_code: int, message: str) -> End:
    return End(Reason.AGENT_INCOMPLETE, exit_code, message)


SCENARIOS: dict[str, Scenario] = {
    "401": scenario(Fail(401)),
    "429-for-ever": scenario(Fail(429, 1)),
    "429-once": scenario(Fail(429, 1), Say(DONE)),
    "500-for-ever": scenario(Fail(500)),
    "500-once": scenario(Fail(500), Say(DONE)),
    "broken-streams": scenario(Cut()),
    "broken-stream-once": scenario(Cut(), Say(DONE)),
    "ended-streams": scenario(Cut(is_clean=True)),
    "refusal": scenario(Refuse()),
    "endless-tools": scenario(Run("echo {n}")),
    "same-tool-again": scenario(*[Run("echo same")] * 12, Say(DONE)),
}

ENDS: dict[str, dict[Cli, End]] = {
    "401": {
        CLAUDE: _rejected(1),
        CODEX: _rejected(1),
        GEMINI: _rejected(145),
        OPENCODE: _rejected(1),
        OPENCODE_ANTHROPIC: _rejected(1),
    },
    "429-for-ever": {CLAUDE: _limited(1), CODEX: _limited(1), GEMINI: _limited(173), OPENCODE: _limited(1)},
    "429-once": {CLAUDE: SUCCESS, CODEX: SUCCESS, GEMINI: SUCCESS, OPENCODE: SUCCESS},
    "500-for-ever": {
        CLAUDE: _failed(1, "API Error: 500"),
        CODEX: _failed(1, "experiencing high demand"),
        GEMINI: _failed(244, "internal error"),
        OPENCODE: _failed(1, "internal error"),  # after a minute of trying
    },
    "500-once": {CLAUDE: SUCCESS, CODEX: SUCCESS, GEMINI: SUCCESS, OPENCODE: SUCCESS},
    "broken-streams": {
        CLAUDE: _failed(1, "ECONNRESET"),
        CODEX: _failed(1, "stream disconnected before completion"),
        GEMINI: _failed(1, "terminated"),
        OPENCODE: RESET,
    },
    "broken-stream-once": {CLAUDE: SUCCESS, CODEX: SUCCESS, GEMINI: _failed(1, "terminated"), OPENCODE: SUCCESS},
    "ended-streams": {
        CLAUDE: _failed(1, "malformed response"),
        CODEX: _failed(1, "stream closed before response.completed"),
        GEMINI: _failed(80, "Model stream ended without a finish reason"),
        OPENCODE: _unfinished(81, "without a finish reason"),
    },
    "refusal": {
        CLAUDE: _failed(1, "safeguards flagged"),
        CODEX: _failed(1, "content_filter"),
        GEMINI: _failed(80, "blocked due to safety settings"),
        OPENCODE: _failed(1, "content filter"),
        OPENCODE_ANTHROPIC: _failed(1, "content filter"),
    },
    "endless-tools": {
        CLAUDE: _unfinished(1, "maximum number of turns"),
        CODEX: TIMED_OUT,
        GEMINI: _unfinished(53, "limit of turns"),
        OPENCODE: TIMED_OUT,
    },
    "same-tool-again": {CLAUDE: SUCCESS, CODEX: SUCCESS, GEMINI: _unfinished(81, "Loop detected"), OPENCODE: SUCCESS},
}
CASES = [(name, cli) for name, ends in ENDS.items() for cli in ends]
