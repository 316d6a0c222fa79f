"""Gemini CLI: `gemini --output-format stream-json`."""

from __future__ import annotations

import json
import re
from typing import Any

from kelos.agents import json_lines as jl
from kelos.agents import rendering, verdict
from kelos.agents.config_files import merge_json, replace, standard_mcp
from kelos.agents.protocol import AgentRequest, ConfigFile, Copy, Plugin, Setup, Shown, Takes
from kelos.agents.sentences import last_line
from kelos.api.outcome import AgentEnd, Usage

NAME = "gemini"
PROGRAM = "gemini"
CREDENTIAL = "GEMINI_API_KEY"
TURN_LIMIT_EXIT, AUTH_EXIT = 53, 41
# The CLI empties `credential.helper` for every command it runs, and hides the user's configuration. Only what `git -c`
# would hand on comes after that: a helper that asks git again, without these overrides.
GIT_OVERRIDES = "GIT_CONFIG_COUNT GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM GIT_CONFIG_PARAMETERS GIT_CONFIG_SYSTEM"
GIT_PARAMETERS = "GIT_CONFIG_PARAMETERS"
ASK_AGAIN = f'!f() {{ test "$1" = get || exit 0; unset {GIT_OVERRIDES}; git credential fill 2>/dev/null; }}; f'
BUDGETS = {"minimal": 512, "low": 1024, "medium": 4096, "high": 8192, "xhigh": 16384, "max": 24576}


class Gemini:
    """The adapter."""

    name = NAME
    program = PROGRAM
    takes = Takes()

    def credential_env(self, credentials_type: str) -> str | None:
        return CREDENTIAL if credentials_type in ("api-key", "oauth") else None

    def configure(self, request: AgentRequest) -> Setup:
        folder = f"{request.env.get('GEMINI_CLI_HOME') or request.home}/.gemini"
        alias, thinking = _effort(request)
        wishes = bool(request.effort) and not alias
        instructions = request.agents_md
        if wishes:
            instructions += f"\n\n## Effort\n\nWork with {request.effort} reasoning effort.\n"
        files = [ConfigFile(path=f"{folder}/settings.json", render=merge_json(_settings(request, alias, thinking)))]
        if instructions:
            files.append(ConfigFile(path=f"{folder}/GEMINI.md", render=replace(instructions.lstrip("\n"))))
        copies: list[Copy] = []
        for plugin in request.plugins:
            files.append(_extension(folder, plugin))
            copies += _extension_copies(folder, plugin)
        argv = [PROGRAM, "--yolo", "--output-format", "stream-json"]
        if alias or request.model:
            argv.append(f"--model={alias or request.model}")
        warning = f"gemini cannot set the effort of model '{request.model}'; it is asked for in GEMINI.md"
        return Setup(
            argv=tuple(argv),
            stdin=request.prompt,
            env={
                "GEMINI_CLI_TRUST_WORKSPACE": "true",
                "GEMINI_CLI_NO_RELAUNCH": "1",
                GIT_PARAMETERS: f"{request.env.get(GIT_PARAMETERS, '')} 'credential.helper={ASK_AGAIN}'".lstrip(),
            },
            files=tuple(files),
            copies=tuple(copies),
            warnings=(warning,) if wishes else (),
        )

    def reader(self) -> GeminiReader:
        return GeminiReader()


def _settings(request: AgentRequest, alias: str, thinking: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False, "maxAttempts": 3},
    }
    if request.env.get(CREDENTIAL):
        # With a base URL in the environment the CLI picks a method it then refuses.
        settings["security"] = {"auth": {"selectedType": "gemini-api-key"}}
    if request.mcp_servers:
        servers = standard_mcp(request.mcp_servers)
        settings["mcpServers"] = {name: _mcp(server) for name, server in servers.items()}
    if alias:
        model = {"model": request.model, "generateContentConfig": {"thinkingConfig": thinking}}
        settings["modelConfigs"] = {"customAliases": {alias: {"modelConfig": model}}}
    return settings


def _mcp(server: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        member: server[member] for member in ("command", "args", "env", "headers") if member in server
    }
    if "url" in server:
        shown["url" if server.get("type") == "sse" else "httpUrl"] = server["url"]
    return shown


def _effort(request: AgentRequest) -> tuple[str, dict[str, Any]]:
    """The alias that carries the effort and its thinking settings; no alias when the model has none."""
    model, effort = request.model, request.effort
    thinking: dict[str, Any] = {}
    if model and effort and ("gemini-2.5" in model or "2.5" in model):
        budget = BUDGETS.get(effort, int(effort) if re.fullmatch(r"[0-9]{1,6}", effort) else None)
        thinking = {} if budget is None else {"thinkingBudget": budget}
    elif model and effort and ("gemini-3" in model or "3." in model):
        levels = {"minimal": "LOW", "low": "LOW", "medium": "HIGH", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"}
        thinking = {"thinkingLevel": levels[effort]} if effort in levels else {}
    return ("kelos-effort-" + re.sub(r"[^A-Za-z0-9]", "-", model), thinking) if thinking else ("", {})


def _extension(folder: str, plugin: Plugin) -> ConfigFile:
    body = json.dumps({"name": plugin.name, "version": "1.0.0"}) + "\n"
    return ConfigFile(path=f"{folder}/extensions/{plugin.name}/gemini-extension.json", render=replace(body))


def _extension_copies(folder: str, plugin: Plugin) -> list[Copy]:
    target = f"{folder}/extensions/{plugin.name}"
    skills = [Copy(source=skill.path, target=f"{target}/skills/{skill.name}") for skill in plugin.skills]
    return skills + [Copy(source=agent.path, target=f"{target}/agents/{agent.name}.md") for agent in plugin.agents]


class GeminiReader:
    """The final text is what the assistant said after the last tool; loop detection ends with "success"."""

    should_stop: str | None = None

    def __init__(self) -> None:
        self._result: jl.Event | None = None
        self._session = ""
        self._model = ""
        self._said = ""
        self._warning = ""
        self._error = ""
        self._turns = 0
        self._is_mid_line = False
        self._is_between_turns = True

    @property
    def so_far(self) -> Usage:
        return _usage(self._result, self._model)

    def feed(self, line: str) -> tuple[Shown, ...]:
        event = jl.parse_line(line)
        if event is None:
            return rendering.raw(line)
        kind = jl.text(event, "type")
        if kind == "message":
            return self._turn(event) + self._message(event)
        shown = (rendering.piece("\n"),) if self._is_mid_line else ()
        self._is_mid_line = False
        return shown + self._turn(event) + self._event(kind, event)

    def _turn(self, event: jl.Event) -> tuple[Shown, ...]:
        """The model speaks again after the tools it had called."""
        kind, is_delta = jl.text(event, "type"), event.get("delta") is True
        speaks = kind == "tool_use" or (kind == "message" and is_delta and jl.text(event, "role") == "assistant")
        begins = speaks and self._is_between_turns
        self._is_between_turns = kind == "tool_result" or (self._is_between_turns and not speaks)
        return (rendering.step(),) if begins else ()

    def _event(self, kind: str, event: jl.Event) -> tuple[Shown, ...]:
        if kind == "init":
            self._session, self._model = jl.text(event, "session_id"), jl.text(event, "model")
            return (rendering.note(f"[init] model={self._model}"),)
        if kind == "tool_use":
            self._said = ""
            return (rendering.tool(jl.text(event, "tool_name"), event.get("parameters")),)
        if kind == "tool_result":
            self._said = ""
        if kind == "error":
            words = jl.text(event, "message")
            if verdict.is_unfinished(words):
                self._warning = words
            elif jl.text(event, "severity") == "error":
                self._error = words
            return (rendering.note(f"[error] {words}"),)
        if kind == "result":
            self._result = event
            usage = _usage(event, self._model)
            state = "completed" if jl.text(event, "status") == "success" else "error"
            facts = f"input={usage.input_tokens or 0}, output={usage.output_tokens or 0}"
            return (rendering.note(f"[result] {state} ({facts})"),)
        return ()

    def _message(self, event: jl.Event) -> tuple[Shown, ...]:
        if jl.text(event, "role") != "assistant":
            return ()
        words = jl.text(event, "content")
        if event.get("delta") is True:
            self._said += words
            self._is_mid_line = not words.endswith("\n") if words else self._is_mid_line
            return (rendering.piece(words),) if words else ()
        self._said = words
        self._turns += 1
        closing = (rendering.piece("\n"),) if self._is_mid_line else ()
        self._is_mid_line = False
        return (*closing, rendering.turn(self._turns), rendering.answer(words))

    def end(self, exit_code: int | None, stderr: str = "") -> AgentEnd:
        result = self._result
        usage = _usage(result, self._model)
        seen = verdict.Seen(usage=usage, response=self._said or None, session_id=self._session or None)
        if exit_code == TURN_LIMIT_EXIT:
            return verdict.unfinished(NAME, "it reached its limit of turns", seen)
        if result is None:
            if (status := _status_of(exit_code)) is not None:
                return verdict.failed(NAME, last_line(stderr) or f"exit code {exit_code}", seen, status=status)
            return verdict.without_an_end(NAME, exit_code, stderr, seen)
        if jl.text(result, "status") != "success":
            said = jl.text(result, "error", "message") or jl.text(result, "error", "type") or self._error
            if verdict.is_unfinished(f"{jl.text(result, 'error', 'type')} {said}"):
                return verdict.unfinished(NAME, said, seen)
            return verdict.failed(NAME, said, seen, status=_status_of(exit_code))
        if exit_code not in (0, None):
            return verdict.exited_badly(NAME, exit_code, stderr, seen)
        if self._warning:
            return verdict.unfinished(NAME, self._warning, seen)
        return verdict.succeeded(seen)


def _status_of(exit_code: int | None) -> int | None:
    """The status behind an exit code, as far as it decides: the code is the status modulo 256, or one of its own."""
    if exit_code == AUTH_EXIT:
        return 401
    return {status % 256: status for status in (*verdict.CREDENTIAL_STATUSES, *verdict.LIMIT_STATUSES)}.get(
        exit_code or 0
    )


def _usage(result: jl.Event | None, model: str) -> Usage:
    stats = jl.dig(result, "stats")
    total_input = _either(stats, "input_tokens", "inputTokens")
    cached = _either(stats, "cached", "cachedTokens")
    fresh = jl.count(stats, "input")
    if fresh is None and total_input is not None:
        fresh = max(0, total_input - (cached or 0))
    output, total = _either(stats, "output_tokens", "outputTokens"), _either(stats, "total_tokens", "totalTokens")
    reasoning = None
    if None not in (output, total, total_input):
        reasoning = max(0, (total or 0) - (total_input or 0) - (output or 0))
    models = dict(jl.named_objects(stats, "models"))
    used = max(models, key=lambda name: jl.count(models[name], "output_tokens") or 0, default=model)
    return Usage(
        input_tokens=fresh,
        cache_read_tokens=cached,
        output_tokens=output if reasoning is None else (output or 0) + reasoning,
        reasoning_tokens=reasoning,
        model=used or None,
    )


def _either(stats: object, ours: str, theirs: str) -> int | None:
    found = jl.count(stats, ours)
    return found if found is not None else jl.count(stats, theirs)
