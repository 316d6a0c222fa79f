"""Codex: `codex exec --json`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from kelos.agents import json_lines as jl
from kelos.agents import rendering, verdict
from kelos.agents.config_files import copies_of_skills, replace, standard_mcp, with_toml_tables
from kelos.agents.protocol import AgentRequest, ConfigFile, McpServers, Setup, Shown, Takes
from kelos.agents.sentences import inner_message, summary
from kelos.api.outcome import AgentEnd, Usage

NAME = "codex"
PROGRAM = "codex"
AUTH_JSON = "CODEX_AUTH_JSON"
CREDENTIALS = {"api-key": "CODEX_API_KEY", "oauth": AUTH_JSON}

# There are no variables for these: no lookups beside the provider, and an end to retries when it is gone.
SERVER_START_SECONDS = 60  # a server that a package runner has to fetch first needs longer than the CLI waits
QUIET = ("--disable", "plugins", "--disable", "unbounded_connection_retries", "-c", "analytics.enabled=false")


class Codex:
    """The adapter."""

    name = NAME
    program = PROGRAM
    takes = Takes(sub_agents=False, transports=frozenset({"stdio", "http"}))

    def credential_env(self, credentials_type: str) -> str | None:
        return CREDENTIALS.get(credentials_type)

    def configure(self, request: AgentRequest) -> Setup:
        home = request.env.get("CODEX_HOME") or f"{request.home}/.codex"
        files: list[ConfigFile] = []
        if request.agents_md:
            files.append(ConfigFile(path=f"{home}/AGENTS.md", render=replace(request.agents_md)))
        if request.mcp_servers:
            files.append(ConfigFile(path=f"{home}/config.toml", render=_mcp_tables(request.mcp_servers)))
        if auth := request.env.get(AUTH_JSON):
            body = auth.replace("\r", "").replace("\n", "")
            files.append(ConfigFile(path=f"{home}/auth.json", render=replace(body)))
        return Setup(
            argv=_command(request, has_auth_file=bool(auth)),
            stdin=request.prompt,
            files=tuple(files),
            unset=(AUTH_JSON,),
            copies=copies_of_skills(request.plugins, f"{home}/skills"),
        )

    def reader(self) -> CodexReader:
        return CodexReader()


def _command(request: AgentRequest, *, has_auth_file: bool) -> tuple[str, ...]:
    argv = [PROGRAM, "exec", "--json", "--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check", *QUIET]
    if has_auth_file:
        argv += ["-c", 'cli_auth_credentials_store="file"']
    if request.model:
        argv.append(f"--model={request.model}")
    if request.effort:
        argv += ["-c", f'model_reasoning_effort="{re.sub(r"[^A-Za-z0-9_-]", "", request.effort)}"']
    return (*argv, "-")  # the prompt comes on stdin


def _mcp_tables(servers: McpServers) -> Any:
    names = {_table(name) for name in servers} | {f"[mcp_servers.{name}]" for name in servers}
    below = tuple(f"{name[:-1]}." for name in names)
    tables = "\n\n".join(_mcp_table(name, server) for name, server in standard_mcp(servers).items())
    return with_toml_tables(tables, lambda line: line in names or line.startswith(below))


def _mcp_table(name: str, server: Mapping[str, Any]) -> str:
    members = {"command": "command", "args": "args", "url": "url", "headers": "http_headers", "env": "env"}
    lines = [f"{ours} = {_toml(server[theirs])}" for theirs, ours in members.items() if theirs in server]
    return "\n".join([_table(name), *lines, f"startup_timeout_sec = {SERVER_START_SECONDS}"])


def _table(name: str) -> str:
    return f"[mcp_servers.{_toml(name)}]"


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(str(key))} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml(item) for item in value)}]"
    # A JSON string is a TOML basic string, but for the one control character JSON leaves as it is.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


class CodexReader:
    """`error` lines are warnings; only `turn.failed` is final, and it has no usage."""

    should_stop: str | None = None

    def __init__(self) -> None:
        self._session = ""
        self._response = ""
        self._failure: str | None = None
        self._error = ""
        self._completed = 0
        self._turns = 0
        self._is_in_turn = False
        self._sums: dict[str, int] = {}

    @property
    def so_far(self) -> Usage:
        return self._usage()

    def feed(self, line: str) -> tuple[Shown, ...]:
        event = jl.parse_line(line)
        if event is None:
            return rendering.raw(line)
        kind = jl.text(event, "type")
        if kind == "thread.started":
            self._session = jl.text(event, "thread_id")
        elif kind == "turn.started":
            self._turns += 1
            self._is_in_turn = True
            self._failure = None
            return (rendering.turn(self._turns),)
        elif kind == "item.completed":
            return self._item(event)
        elif kind == "turn.completed":
            return self._turn_completed(event)
        elif kind == "turn.failed":
            self._is_in_turn = False
            self._failure = jl.text(event, "error", "message") or self._error or "the turn failed"
            return (rendering.note(f"[error] {summary(self._failure)}"),)
        elif kind == "error":
            self._error = jl.text(event, "message")
            return (rendering.note(f"[error] {summary(self._error)}"),)
        return ()

    def _item(self, event: jl.Event) -> tuple[Shown, ...]:
        kind = jl.text(event, "item", "type")
        if kind == "agent_message":
            self._response = jl.text(event, "item", "text")
            return (rendering.answer(self._response),)
        if kind == "command_execution":
            return (rendering.command(jl.text(event, "item", "command")),)
        return (rendering.item(kind, _about(event["item"])),) if kind else ()

    def _turn_completed(self, event: jl.Event) -> tuple[Shown, ...]:
        self._completed += 1
        self._is_in_turn = False
        usage = event.get("usage")
        for name in _COUNTS:
            if (found := jl.count(usage, name)) is not None:
                self._sums[name] = self._sums.get(name, 0) + found
        facts = ("input", "input_tokens"), ("cached", "cached_input_tokens"), ("output", "output_tokens")
        shown = " ".join(f"{label}={jl.count(usage, name) or 0}" for label, name in facts)
        return (rendering.note(f"[usage] {shown}"),)

    def end(self, exit_code: int | None, stderr: str = "") -> AgentEnd:
        seen = verdict.Seen(usage=self._usage(), response=self._response or None, session_id=self._session or None)
        if self._failure is not None:
            return verdict.failed(NAME, inner_message(self._failure), seen)
        if self._completed == 0 or self._is_in_turn:
            return verdict.without_an_end(NAME, exit_code, stderr or self._error, seen)
        if exit_code not in (0, None):
            return verdict.exited_badly(NAME, exit_code, stderr, seen)
        return verdict.succeeded(seen)

    def _usage(self) -> Usage:
        total, cached = self._sums.get("input_tokens"), self._sums.get("cached_input_tokens")
        return Usage(
            input_tokens=None if total is None else max(0, total - (cached or 0)),
            cache_read_tokens=cached,
            cache_write_tokens=self._sums.get("cache_write_input_tokens"),
            output_tokens=self._sums.get("output_tokens"),
            reasoning_tokens=self._sums.get("reasoning_output_tokens"),
        )


def _about(item: object) -> str:
    """The files an item changed, the tool it called, or what it says."""
    files = ", ".join(jl.text(change, "path") for change in jl.objects(item, "changes"))
    called = ".".join(name for name in (jl.text(item, "server"), jl.text(item, "tool")) if name)
    return files or called or jl.text(item, "message") or jl.text(item, "query")


_COUNTS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)
