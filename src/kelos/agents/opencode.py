"""OpenCode: `opencode run --format json`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kelos.agents import json_lines as jl
from kelos.agents import rendering, verdict
from kelos.agents.config_files import copies_of_agents, copies_of_skills, merge_json, replace, standard_mcp
from kelos.agents.protocol import AgentRequest, ConfigFile, McpServers, Setup, Shown, Takes
from kelos.api.outcome import AgentEnd, Usage

NAME = "opencode"
PROGRAM = "opencode"
CREDENTIAL = "OPENCODE_API_KEY"
OWN_PROVIDERS = ("opencode", "zen")
KEYS = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "google": "GEMINI_API_KEY",
    "groq": "GROQ_API_KEY",
    "xai": "XAI_API_KEY",
    "zai": "ZHIPU_API_KEY",
    "zai-coding-plan": "ZHIPU_API_KEY",
}
# `npm_config_offline` would stop one more lookup, but also every `npm install` the agent is asked for.
QUIET = {
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
}
UNKNOWN_STEPS_LIMIT = 5


class OpenCode:
    """The adapter."""

    name = NAME
    program = PROGRAM
    takes = Takes()

    def credential_env(self, credentials_type: str) -> str | None:
        return CREDENTIAL if credentials_type in ("api-key", "oauth") else None

    def configure(self, request: AgentRequest) -> Setup:
        settings = request.env.get("XDG_CONFIG_HOME") or f"{request.home}/.config"
        folder = request.env.get("OPENCODE_CONFIG_DIR") or f"{settings}/opencode"
        files = [ConfigFile(path=f"{folder}/opencode.json", render=merge_json(_config(request)))]
        if request.agents_md:
            files.append(ConfigFile(path=f"{folder}/AGENTS.md", render=replace(request.agents_md)))
        key, warnings = _key(request)
        secret = request.env.get(CREDENTIAL)
        return Setup(
            argv=_command(request),
            stdin=request.prompt,
            env={**QUIET, **({key: secret} if key and secret else {})},
            files=tuple(files),
            copies=(
                *copies_of_skills(request.plugins, f"{folder}/skills"),
                *copies_of_agents(request.plugins, lambda _, agent: f"{folder}/agents/{agent}.md"),
            ),
            warnings=warnings if secret else (),
        )

    def reader(self) -> OpenCodeReader:
        return OpenCodeReader()


def _provider(request: AgentRequest) -> str:
    return request.model.partition("/")[0] if "/" in request.model else ""


def _key(request: AgentRequest) -> tuple[str, tuple[str, ...]]:
    provider = _provider(request)
    if provider in OWN_PROVIDERS:
        return "", ()
    if provider and provider not in KEYS:
        return KEYS["anthropic"], (f"opencode: no key is known for provider '{provider}'; ANTHROPIC_API_KEY is set",)
    return KEYS.get(provider, KEYS["anthropic"]), ()


def _command(request: AgentRequest) -> tuple[str, ...]:
    # A title of our own saves the call that would invent one.
    argv = [PROGRAM, "run", "--format", "json", "--auto", "--title", "kelos"]
    if request.model and not request.effort:
        argv.append(f"--model={request.model}")
    return tuple(argv)


def _config(request: AgentRequest) -> dict[str, Any]:
    config: dict[str, Any] = {"autoupdate": False, "share": "disabled"}
    if _provider(request) not in OWN_PROVIDERS:
        # Without a usable model it would send the prompt to its own free service.
        config["disabled_providers"] = ["opencode"]
    if request.mcp_servers:
        config["mcp"] = _mcp(request.mcp_servers)
    if request.effort:
        build: dict[str, Any] = {
            "mode": "primary",
            "options": {"reasoningEffort": request.effort},
            "variant": _variant(_provider(request), request.effort),
        }
        if request.model:
            config["model"] = request.model
            build["model"] = request.model
        config["agent"] = {"build": build}
    return config


def _variant(provider: str, effort: str) -> str:
    if provider == "anthropic":
        return "max" if effort in ("max", "xhigh") else "high"
    if provider == "google":
        return "low" if effort in ("minimal", "low") else "high"
    return effort


def _mcp(servers: McpServers) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, server in standard_mcp(servers).items():
        if "command" in server:
            shown[name] = {"type": "local", "command": [server["command"], *server.get("args", ())]}
            if "env" in server:
                shown[name]["environment"] = server["env"]
        else:
            shown[name] = {"type": "remote", "url": server.get("url", "")}
            if "headers" in server:
                shown[name]["headers"] = server["headers"]
        shown[name]["enabled"] = True
    return shown


class OpenCodeReader:
    """There is no closing line: an error line or the reason of the last finished step decides."""

    def __init__(self) -> None:
        self._session = ""
        self._response = ""
        self._error: jl.Event | None = None
        self._last_reason: str | None = None
        self._unknown_steps = 0
        self._sums: dict[str, int] = {}
        self._cost: Decimal | None = None

    @property
    def should_stop(self) -> str | None:
        if self._unknown_steps < UNKNOWN_STEPS_LIMIT:
            return None
        return f"{self._unknown_steps} answers in a row came without a finish reason, and opencode asks for ever"

    @property
    def so_far(self) -> Usage:
        return self._usage()

    def feed(self, line: str) -> tuple[Shown, ...]:
        event = jl.parse_line(line)
        if event is None:
            return rendering.raw(line)
        self._session = jl.text(event, "sessionID") or self._session
        kind = jl.text(event, "type")
        if kind == "text":
            self._response = jl.text(event, "part", "text") or jl.text(event, "text")
            return (rendering.answer(self._response),) if self._response else ()
        if kind == "tool_use":
            return (rendering.tool(jl.text(event, "part", "tool"), jl.dig(event, "part", "state", "input")),)
        if kind == "step_start":
            self._last_reason = None  # one that never finishes is no end
            return (rendering.step(),)
        if kind == "step_finish":
            return self._step(event)
        if kind == "error":
            self._error = event
            return (rendering.note(f"[error] {_said(event)}"),)
        return ()

    def _step(self, event: jl.Event) -> tuple[Shown, ...]:
        self._last_reason = jl.text(event, "part", "reason")
        self._unknown_steps = self._unknown_steps + 1 if self._last_reason == "unknown" else 0
        tokens = jl.dig(event, "part", "tokens")
        for name, path in _COUNTS.items():
            if (found := jl.count(tokens, *path)) is not None:
                self._sums[name] = self._sums.get(name, 0) + found
        if (cost := jl.number(event, "part", "cost")) is not None:
            self._cost = (self._cost or Decimal(0)) + cost
        facts = f"input={jl.count(tokens, 'input') or 0}, output={jl.count(tokens, 'output') or 0}"
        return (rendering.note(f"[result] completed ({facts})"),)

    def end(self, exit_code: int | None, stderr: str = "") -> AgentEnd:
        seen = verdict.Seen(usage=self._usage(), response=self._response or None, session_id=self._session or None)
        if self._error is not None:
            status = jl.count(self._error, "error", "data", "statusCode")
            return verdict.failed(NAME, _said(self._error), seen, status=status)
        if self.should_stop is not None:
            return verdict.unfinished(NAME, self.should_stop, seen)
        if self._last_reason is None:
            return verdict.without_an_end(NAME, exit_code, stderr, seen)
        if exit_code not in (0, None):
            return verdict.exited_badly(NAME, exit_code, stderr, seen)
        if self._last_reason != "stop":
            return verdict.unfinished(NAME, f"its last step ended with '{self._last_reason or 'nothing'}'", seen)
        return verdict.succeeded(seen)

    def _usage(self) -> Usage:
        output, reasoning = self._sums.get("output"), self._sums.get("reasoning")
        return Usage(
            input_tokens=self._sums.get("input"),
            cache_read_tokens=self._sums.get("read"),
            cache_write_tokens=self._sums.get("write"),
            output_tokens=None if output is None else output + (reasoning or 0),
            reasoning_tokens=reasoning,
            cost_usd=jl.plain(self._cost),
        )


_COUNTS: dict[str, tuple[str, ...]] = {
    "input": ("input",),
    "output": ("output",),
    "reasoning": ("reasoning",),
    "read": ("cache", "read"),
    "write": ("cache", "write"),
}


def _said(event: jl.Event) -> str:
    name = jl.text(event, "error", "name")
    message = jl.text(event, "error", "data", "message") or jl.text(event, "error", "message")
    return message or name or "it did not say why"
