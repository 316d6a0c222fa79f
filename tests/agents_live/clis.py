"""The four CLIs: how each is pointed at a provider, and what it can tell of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kelos.api.outcome import Usage
from providers.scenario import Tokens


def _nothing(url: str) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cli:
    """One way to run one CLI. `env` and `files` (below HOME) take the provider's URL."""

    label: str
    agent: str
    program: str
    dialect: str
    model: str
    credential: str
    usage: Callable[[Tokens, int], Usage]
    env: Callable[[str], Mapping[str, str]] = _nothing
    files: Callable[[str], Mapping[str, str]] = _nothing
    asked_model: str = ""
    reports_cost: bool = False


def _claude_usage(tokens: Tokens, calls: int) -> Usage:
    return Usage(
        input_tokens=calls * tokens.input,
        cache_read_tokens=calls * tokens.cache_read,
        cache_write_tokens=calls * tokens.cache_write,
        output_tokens=calls * (tokens.output + tokens.reasoning),
        reasoning_tokens=calls * tokens.reasoning,
    )


def _codex_usage(tokens: Tokens, calls: int) -> Usage:
    # What is written to the cache is part of the CLI's input tokens and told once more beside them.
    return Usage(
        input_tokens=calls * (tokens.input + tokens.cache_write),
        cache_read_tokens=calls * tokens.cache_read,
        cache_write_tokens=calls * tokens.cache_write,
        output_tokens=calls * (tokens.output + tokens.reasoning),
        reasoning_tokens=calls * tokens.reasoning,
    )


def _gemini_usage(tokens: Tokens, calls: int) -> Usage:
    return Usage(
        input_tokens=calls * (tokens.input + tokens.cache_write),
        cache_read_tokens=calls * tokens.cache_read,
        output_tokens=calls * (tokens.output + tokens.reasoning),
        reasoning_tokens=calls * tokens.reasoning,
    )


def _chat_usage(tokens: Tokens, calls: int) -> Usage:
    return Usage(
        input_tokens=calls * (tokens.input + tokens.cache_write),
        cache_read_tokens=calls * tokens.cache_read,
        cache_write_tokens=0,
        output_tokens=calls * (tokens.output + tokens.reasoning),
        reasoning_tokens=calls * tokens.reasoning,
    )


def _opencode_usage(tokens: Tokens, calls: int) -> Usage:
    return Usage(
        input_tokens=calls * tokens.input,
        cache_read_tokens=calls * tokens.cache_read,
        cache_write_tokens=calls * tokens.cache_write,
        output_tokens=calls * (tokens.output + tokens.reasoning),
        reasoning_tokens=calls * tokens.reasoning,
    )


PRICES = {"input": 1, "output": 2, "cache_read": 0.1, "cache_write": 1.25}  # dollars for a million


def _gateway(url: str) -> Mapping[str, str]:
    model = {"name": "Some model", "limit": {"context": 128000, "output": 8000}, "cost": PRICES}
    options = {"baseURL": f"{url}/v1", "apiKey": "{env:OPENCODE_API_KEY}"}
    gateway = {"npm": "@ai-sdk/openai-compatible", "name": "Gateway", "options": options}
    return {"OPENCODE_CONFIG_CONTENT": json.dumps({"provider": {"gw": {**gateway, "models": {"some-model": model}}}})}


def _anthropic(url: str) -> Mapping[str, str]:
    model = {"name": "Some model", "limit": {"context": 128000, "output": 8000}, "cost": PRICES, "tool_call": True}
    provider = {"options": {"baseURL": f"{url}/v1"}, "models": {"some-model": model}}
    return {"OPENCODE_CONFIG_CONTENT": json.dumps({"provider": {"anthropic": provider}})}


CLAUDE = Cli(
    label="claude-code",
    agent="claude-code",
    program="claude",
    dialect="anthropic",
    model="claude-opus-5-5",
    credential="ANTHROPIC_API_KEY",
    usage=_claude_usage,
    env=lambda url: {"ANTHROPIC_BASE_URL": url},
    reports_cost=True,
)
CODEX = Cli(
    label="codex",
    agent="codex",
    program="codex",
    dialect="responses",
    model="gpt-6.1-sol",
    credential="CODEX_API_KEY",
    usage=_codex_usage,
    files=lambda url: {".codex/config.toml": f'openai_base_url = "{url}/v1"\n'},
)
GEMINI = Cli(
    label="gemini",
    agent="gemini",
    program="gemini",
    dialect="google",
    model="gemini-2.5-pro",
    credential="GEMINI_API_KEY",
    usage=_gemini_usage,
    env=lambda url: {"GOOGLE_GEMINI_BASE_URL": url},
)
OPENCODE = Cli(
    label="opencode",
    agent="opencode",
    program="opencode",
    dialect="chat",
    model="gw/some-model",
    asked_model="some-model",
    credential="OPENCODE_API_KEY",
    usage=_chat_usage,
    env=_gateway,
    reports_cost=True,
)
OPENCODE_ANTHROPIC = Cli(
    label="opencode-anthropic",
    agent="opencode",
    program="opencode",
    dialect="anthropic",
    model="anthropic/some-model",
    asked_model="some-model",
    credential="OPENCODE_API_KEY",
    usage=_opencode_usage,
    env=_anthropic,
    reports_cost=True,
)
ALL = (CLAUDE, CODEX, GEMINI, OPENCODE, OPENCODE_ANTHROPIC)
