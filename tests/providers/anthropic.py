"""Anthropic's Messages API: `POST /v1/messages`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from providers.dialect import ERRORS, Body, Frame, pieces
from providers.scenario import Answer, Call, Cut, Refuse, Run, Tokens

SHELLS = ("Bash", "bash")
ERROR_TYPES = {401: "authentication_error", 429: "rate_limit_error", 500: "api_error"}


class Anthropic:
    """The dialect of Claude Code, and of OpenCode with the provider `anthropic`."""

    name = "anthropic"
    key_header = "x-api-key"

    def matches(self, path: str) -> bool:
        return path.partition("?")[0] == "/v1/messages"

    def model(self, path: str, body: Body) -> str:
        return str(body.get("model", ""))

    def has_tools(self, body: Body) -> bool:
        return _shell(body) is not None

    def frames(self, answer: Answer, tokens: Tokens, *, model: str, call: int, body: Body) -> Iterator[Frame]:
        usage = {
            "input_tokens": tokens.input,
            "cache_read_input_tokens": tokens.cache_read,
            "cache_creation_input_tokens": tokens.cache_write,
            "output_tokens": 1,
        }
        message = {"id": f"msg_{call:06}", "type": "message", "role": "assistant", "model": model, "content": []}
        rest = {"stop_reason": None, "stop_sequence": None, "usage": usage}
        yield _frame("message_start", message={**message, **rest})
        yield from _block(answer, call, body)
        if isinstance(answer, Cut):
            return
        reason = (
            "tool_use" if isinstance(answer, Run | Call) else "refusal" if isinstance(answer, Refuse) else "end_turn"
        )
        final = {"output_tokens": tokens.output + tokens.reasoning}
        details = {"output_tokens_details": {"thinking_tokens": tokens.reasoning}}
        yield _frame("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage={**final, **details})
        yield _frame("message_stop")

    def error(self, status: int) -> Body:
        return {"type": "error", "error": {"type": ERROR_TYPES.get(status, "api_error"), "message": ERRORS[status]}}


def _block(answer: Answer, call: int, body: Body) -> Iterator[Frame]:
    if isinstance(answer, Run | Call):
        name, arguments = _called(answer, body)
        block: dict[str, Any] = {"type": "tool_use", "id": f"toolu_{call:06}", "name": name, "input": {}}
        yield _frame("content_block_start", index=0, content_block=block)
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(json.dumps(arguments))]
    else:
        yield _frame("content_block_start", index=0, content_block={"type": "text", "text": ""})
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(answer.text)]
    for delta in deltas:
        yield _frame("content_block_delta", index=0, delta=delta)
    if not isinstance(answer, Cut):
        yield _frame("content_block_stop", index=0)


def _called(answer: Run | Call, body: Body) -> tuple[str | None, dict[str, Any]]:
    if isinstance(answer, Call):
        return answer.offered(_offered(body)), dict(answer.arguments)
    return _shell(body), {"command": answer.command, "description": "run a command"}


def _shell(body: Body) -> str | None:
    return next((name for name in _offered(body) if name in SHELLS), None)


def _offered(body: Body) -> list[str]:
    return [str(tool.get("name")) for tool in body.get("tools") or ()]


def _frame(kind: str, **members: object) -> Frame:
    return kind, {"type": kind, **members}
