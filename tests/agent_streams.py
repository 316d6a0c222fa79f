"""The recorded streams of agent CLIs, and the exit code each run ended with."""

from pathlib import Path

STREAMS = Path(__file__).parent / "data" / "agent-streams"
EXIT_CODES = {
    "claude-code": 0,
    "claude-code-error": 1,
    "claude-code-max-turns": 1,
    "codex": 0,
    "codex-items": 0,
    "codex-transport-fallback": 0,
    "codex-error": 1,
    "gemini": 0,
    "gemini-loop-warning": 0,
    "gemini-error": 145,
    "opencode": 0,
    "opencode-error": 1,
    "opencode-late-error": 1,
}


def stream(name: str) -> list[str]:
    return (STREAMS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()


def agent_of(name: str) -> str:
    return "claude-code" if name.startswith("claude-code") else name.partition("-")[0]
