"""Claude Code: `claude -p` with stream-json."""

from __future__ import annotations

import json
from decimal import Decimal

from kelos.agents import json_lines as jl
from kelos.agents import rendering, verdict
from kelos.agents.config_files import keep_or, merge_json, replace, standard_mcp
from kelos.agents.protocol import AgentRequest, ConfigFile, Plugin, Setup, Shown, Takes
from kelos.agents.sentences import one_line
from kelos.api.outcome import AgentEnd, Usage
from kelos.api.reasons import Reason

NAME = "claude-code"
PROGRAM = "claude"
CREDENTIALS = {"api-key": "ANTHROPIC_API_KEY", "oauth": "CLAUDE_CODE_OAUTH_TOKEN"}
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_MAX_RETRIES": "3",
}


class ClaudeCode:
    """The adapter."""

    name = NAME
    program = PROGRAM
    takes = Takes()

    def credential_env(self, credentials_type: str) -> str | None:
        return CREDENTIALS.get(credentials_type)

    def configure(self, request: AgentRequest) -> Setup:
        moved = request.env.get("CLAUDE_CONFIG_DIR")
        folder = moved or f"{request.home}/.claude"
        files = [_manifest(plugin) for plugin in request.plugins]
        if request.agents_md:
            files.append(ConfigFile(path=f"{folder}/CLAUDE.md", render=replace(request.agents_md)))
        if request.mcp_servers:
            path = f"{moved or request.home}/.claude.json"
            files.append(ConfigFile(path=path, render=merge_json({"mcpServers": standard_mcp(request.mcp_servers)})))
        env = {name: value for name, value in QUIET.items() if name not in request.env}
        if request.is_root:
            env["IS_SANDBOX"] = "1"  # the CLI refuses to skip permissions as root without it
        return Setup(argv=_command(request), stdin=request.prompt, env=env, files=tuple(files))

    def reader(self) -> ClaudeReader:
        return ClaudeReader()


def _command(request: AgentRequest) -> tuple[str, ...]:
    argv = [PROGRAM, "-p", "--dangerously-skip-permissions", "--output-format", "stream-json", "--verbose"]
    if request.model:
        argv.append(f"--model={request.model}")
    if request.effort:
        argv.append(f"--effort={request.effort}")
    for plugin in request.plugins:
        argv.append(f"--plugin-dir={plugin.path}")
    return tuple(argv)


def _manifest(plugin: Plugin) -> ConfigFile:
    body = json.dumps({"name": plugin.name}) + "\n"
    return ConfigFile(path=f"{plugin.path}/.claude-plugin/plugin.json", render=keep_or(body))


class ClaudeReader:
    """Only the last `result` event decides; `subtype` says "success" for API failures too."""

    should_stop: str | None = None

    def __init__(self) -> None:
        self._result: jl.Event | None = None
        self._model = ""
        self._session = ""
        self._error = ""
        self._turns = 0
        self._messages: dict[str, jl.Event] = {}

    @property
    def so_far(self) -> Usage:
        """Before the result nobody tells the cost, and of an answer only its first tokens are counted."""
        if self._result is not None:
            return _usage(self._result, self._model)

        def total(member: str) -> int | None:
            found = [count for usage in self._messages.values() if (count := jl.count(usage, member)) is not None]
            return sum(found) if found else None

        return Usage(
            input_tokens=total("input_tokens"),
            cache_read_tokens=total("cache_read_input_tokens"),
            cache_write_tokens=total("cache_creation_input_tokens"),
            model=self._model or None,
        )

    def feed(self, line: str) -> tuple[Shown, ...]:
        event = jl.parse_line(line)
        if event is None:
            return rendering.raw(line)
        self._session = jl.text(event, "session_id") or self._session
        kind = jl.text(event, "type")
        if kind == "system" and jl.text(event, "subtype") == "init":
            self._model = jl.text(event, "model")
            return (rendering.note(f"[init] model={self._model}"),)
        if kind == "assistant":
            return self._assistant(event)
        if kind == "result":
            self._result = event
            return _render_result(event)
        return ()

    def _assistant(self, event: jl.Event) -> tuple[Shown, ...]:
        if event.get("is_api_error_message") is True:
            self._error = jl.text(event, "error")
            return ()  # the result event says it again
        self._turns += 1
        if isinstance(usage := jl.dig(event, "message", "usage"), dict):
            self._messages[jl.text(event, "message", "id")] = usage  # one message may come in several events
        shown = [rendering.turn(self._turns)]
        for block in jl.objects(event, "message", "content"):
            if jl.text(block, "type") == "text":
                shown.append(rendering.answer(jl.text(block, "text")))
            elif jl.text(block, "type") == "tool_use":
                shown.append(rendering.tool(jl.text(block, "name"), block.get("input")))
        return tuple(shown)

    def end(self, exit_code: int | None, stderr: str = "") -> AgentEnd:
        result = self._result
        if result is None:
            seen = verdict.Seen(usage=Usage(model=self._model or None), session_id=self._session or None)
            return verdict.without_an_end(NAME, exit_code, stderr, seen)
        seen = verdict.Seen(
            usage=_usage(result, self._model),
            response=jl.text(result, "result") or None,
            session_id=self._session or None,
        )
        state, details = result_state(result)
        if state == "incomplete" or _hit_a_limit(result):
            return verdict.unfinished(NAME, details, seen)
        if state == "error":
            status = jl.count(result, "api_error_status")
            said = seen.response or "; ".join(_errors(result)) or self._error or details
            return verdict.failed(NAME, _with_type(said, result, self._error), seen, status=status)
        if exit_code not in (0, None):
            return verdict.exited_badly(NAME, exit_code, stderr, seen)
        return verdict.succeeded(seen)


def result_state(result: jl.Event) -> tuple[str, str]:
    """`completed`, `error` or `incomplete`, and what the event calls it."""
    subtype = jl.text(result, "subtype")
    terminal, stop = jl.text(result, "terminal_reason"), jl.text(result, "stop_reason")
    if result.get("is_error") is True or subtype != "success":
        errors = "; ".join(_errors(result))
        return "error", errors or terminal or subtype or "no subtype"
    if terminal not in ("", "completed"):
        return "incomplete", f"terminal reason {terminal}"
    if stop not in ("", "end_turn"):
        return "incomplete", f"stop reason {stop}"
    return "completed", ""


def _hit_a_limit(result: jl.Event) -> bool:
    limits = ("max_turns", "budget_exhausted")
    return jl.text(result, "subtype").startswith("error_max_") or jl.text(result, "terminal_reason") in limits


def _with_type(said: str, result: jl.Event, error: str) -> str:
    # The machine word settles what the sentence leaves open.
    word = jl.text(result, "api_error_type") or error
    return said if verdict.reason_of(said) is not Reason.AGENT_ERROR or not word else f"{said} ({word})"


def _errors(result: jl.Event) -> list[str]:
    found = result.get("errors")
    return [one_line(item) for item in found if isinstance(item, str)] if isinstance(found, list) else []


def _usage(result: jl.Event, model: str) -> Usage:
    """`modelUsage` is the fuller sum: it has retried streams and the last call before a budget stop."""
    cost = jl.plain(jl.number(result, "total_cost_usd"))
    models = dict(jl.named_objects(result, "modelUsage"))
    used = max(models, key=lambda name: jl.count(models[name], "outputTokens") or 0, default=model)
    reasoning = jl.count(result, "usage", "output_tokens_details", "thinking_tokens")
    if not models:
        usage = result.get("usage")
        return Usage(
            input_tokens=jl.count(usage, "input_tokens"),
            cache_read_tokens=jl.count(usage, "cache_read_input_tokens"),
            cache_write_tokens=jl.count(usage, "cache_creation_input_tokens"),
            output_tokens=jl.count(usage, "output_tokens"),
            reasoning_tokens=reasoning,
            cost_usd=cost,
            model=used or None,
        )

    def total(member: str) -> int:
        return sum(jl.count(entry, member) or 0 for entry in models.values())

    if cost is None:
        cost = jl.plain(sum((jl.number(entry, "costUSD") or Decimal(0) for entry in models.values()), Decimal(0)))
    return Usage(
        input_tokens=total("inputTokens"),
        cache_read_tokens=total("cacheReadInputTokens"),
        cache_write_tokens=total("cacheCreationInputTokens"),
        output_tokens=total("outputTokens"),
        reasoning_tokens=reasoning,
        cost_usd=cost,
        model=used or None,
    )


def _render_result(event: jl.Event) -> tuple[Shown, ...]:
    state, details = result_state(event)
    shown = []
    if state == "error" and jl.text(event, "result"):
        shown.append(rendering.answer(jl.text(event, "result")))
    cost = jl.number(event, "total_cost_usd")
    facts = [f"{jl.count(event, 'num_turns') or 0} turns"] + ([f"${cost:.4f}"] if cost is not None else [])
    named = f"{state} ({details})" if details else state
    return (*shown, rendering.note(f"[result] {named} ({', '.join(facts)})"))
