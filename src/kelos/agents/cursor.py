"""Cursor: `cursor-agent -p`. Written from its documentation; nothing here was seen running (unverified)."""

from __future__ import annotations

from kelos.agents import json_lines as jl
from kelos.agents import rendering, verdict
from kelos.agents.config_files import copies_of_agents, copies_of_skills, merge_json, replace, standard_mcp
from kelos.agents.protocol import AgentRequest, ConfigFile, Setup, Shown, Takes
from kelos.api.names import PROMPT_ARGUMENT_LIMIT_BYTES
from kelos.api.outcome import AgentEnd, Usage
from kelos.errors import UserError

NAME = "cursor"
PROGRAM = "cursor-agent"
CREDENTIAL = "CURSOR_API_KEY"


class Cursor:
    """The adapter."""

    name = NAME
    program = PROGRAM
    takes = Takes()

    def credential_env(self, credentials_type: str) -> str | None:
        return CREDENTIAL if credentials_type in ("api-key", "oauth") else None

    def configure(self, request: AgentRequest) -> Setup:
        folder = f"{request.home}/.cursor"
        files = []
        instructions = request.agents_md
        if request.effort:
            instructions += f"\n\n## Effort\n\nWork with {request.effort} reasoning effort.\n"
        if instructions:
            files.append(ConfigFile(path=f"{folder}/AGENTS.md", render=replace(instructions.lstrip("\n"))))
        if request.mcp_servers:
            servers = {"mcpServers": standard_mcp(request.mcp_servers)}
            files.append(ConfigFile(path=f"{folder}/mcp.json", render=merge_json(servers)))
        # Below the home folder, where the agent cannot commit them by accident.
        copies = (
            *copies_of_skills(request.plugins, f"{folder}/skills"),
            *copies_of_agents(request.plugins, lambda plugin, agent: f"{folder}/rules/{plugin.name}-{agent}.mdc"),
        )
        return Setup(argv=_command(request), files=tuple(files), copies=copies)

    def reader(self) -> CursorReader:
        return CursorReader()


def _command(request: AgentRequest) -> tuple[str, ...]:
    argv = [PROGRAM, "-p", "--force", "--trust", "--sandbox", "disabled", "--output-format", "stream-json"]
    if request.model:
        argv.append(f"--model={request.model}")
    if request.mcp_servers:
        argv.append("--approve-mcps")
    return (*argv, "--", _prompt(request))


def _prompt(request: AgentRequest) -> str:
    """The prompt, or where to find it: a single argument has a limit, and reading stdin is not documented."""
    if "\x00" in request.prompt:
        raise UserError("The prompt has a NUL character, and cursor takes its prompt as an argument: remove it")
    if len(request.prompt.encode("utf-8", "surrogateescape")) <= PROMPT_ARGUMENT_LIMIT_BYTES:
        return request.prompt
    if not request.prompt_path:
        raise UserError(f"The prompt is longer than {PROMPT_ARGUMENT_LIMIT_BYTES} bytes, cursor's limit: shorten it")
    return f"The prompt is long: read it from the file {request.prompt_path} and do what it says."


class CursorReader:
    """The `result` event decides; its token counts are not documented and read when they are there."""

    should_stop: str | None = None

    def __init__(self) -> None:
        self._result: jl.Event | None = None
        self._model = ""
        self._session = ""
        self._turns = 0

    @property
    def so_far(self) -> Usage:
        return _usage(self._result, self._model)

    def feed(self, line: str) -> tuple[Shown, ...]:
        event = jl.parse_line(line)
        if event is None:
            return rendering.raw(line)
        self._session = jl.text(event, "session_id") or self._session
        kind, subtype = jl.text(event, "type"), jl.text(event, "subtype")
        if kind == "system" and subtype == "init":
            self._model = jl.text(event, "model")
            return (rendering.note(f"[init] model={self._model}"),)
        if kind == "assistant":
            self._turns += 1
            blocks = (jl.text(block, "text") for block in jl.objects(event, "message", "content"))
            return (rendering.turn(self._turns), *(rendering.answer(words) for words in blocks if words))
        if kind == "tool_call" and subtype == "started":
            calls = jl.named_objects(event, "tool_call")
            return tuple(rendering.tool(name.removesuffix("ToolCall"), call.get("args")) for name, call in calls)
        if kind == "result":
            self._result = event
            state = "error" if _is_error(event) else "completed"
            said = (rendering.answer(jl.text(event, "result")),) if state == "error" else ()
            return (*said, rendering.note(f"[result] {state}"))
        return ()

    def end(self, exit_code: int | None, stderr: str = "") -> AgentEnd:
        result = self._result
        seen = verdict.Seen(
            usage=_usage(result, self._model),
            response=jl.text(result, "result") or None,
            session_id=self._session or None,
        )
        if result is None:
            return verdict.without_an_end(NAME, exit_code, stderr, seen)
        if _is_error(result):
            return verdict.failed(NAME, seen.response or jl.text(result, "subtype"), seen)
        if exit_code not in (0, None):
            return verdict.exited_badly(NAME, exit_code, stderr, seen)
        return verdict.succeeded(seen)


def _is_error(result: jl.Event) -> bool:
    return result.get("is_error") is True or jl.text(result, "subtype") not in ("", "success")


def _usage(result: jl.Event | None, model: str) -> Usage:
    usage = jl.dig(result, "usage")
    return Usage(
        input_tokens=jl.count(usage, "inputTokens"),
        cache_read_tokens=jl.count(usage, "cacheReadTokens"),
        cache_write_tokens=jl.count(usage, "cacheWriteTokens"),
        output_tokens=jl.count(usage, "outputTokens"),
        model=model or None,
    )
