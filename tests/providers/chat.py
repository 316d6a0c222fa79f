"""The chat completions that OpenAI-compatible endpoints share: `POST /v1/chat/completions`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from providers.dialect import ERRORS, Body, Frame, pieces
from providers.scenario import Answer, Call, Cut, Refuse, Run, Tokens

SHELL = "bash"


class Chat:
    """The dialect of OpenCode with a provider of its user's own."""

    name = "chat"
    key_header = "authorization"

    def matches(self, path: str) -> bool:
        return path.partition("?")[0] == "/v1/chat/completions"

    def model(self, path: str, body: Body) -> str:
        return str(body.get("model", ""))

    def has_tools(self, body: Body) -> bool:
        return SHELL in _offered(body)

    def frames(self, answer: Answer, tokens: Tokens, *, model: str, call: int, body: Body) -> Iterator[Frame]:
        shared = {"id": f"chatcmpl-{call}", "object": "chat.completion.chunk", "created": 1, "model": model}

        def chunk(delta: dict[str, Any], reason: str | None = None, **more: object) -> Frame:
            return "", {**shared, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}

        yield chunk({"role": "assistant", "content": ""})
        if isinstance(answer, Run | Call):
            function = _called(answer, body)
            called = {"index": 0, "id": f"call_{call:06}", "type": "function", "function": function}
            yield chunk({"tool_calls": [called]})
        else:
            for piece in pieces(answer.text):
                yield chunk({"content": piece})
        if isinstance(answer, Cut):
            return
        reasons: dict[type, str] = {Run: "tool_calls", Call: "tool_calls", Refuse: "content_filter"}
        yield chunk({}, reasons.get(type(answer), "stop"), usage=_usage(tokens))
        yield "", "[DONE]"

    def error(self, status: int) -> Body:
        return {"error": {"message": ERRORS[status], "type": "api_error", "code": None, "param": None}}


def _called(answer: Run | Call, body: Body) -> dict[str, str]:
    if isinstance(answer, Call):
        return {"name": answer.offered(_offered(body)), "arguments": json.dumps(dict(answer.arguments))}
    return {"name": SHELL, "arguments": json.dumps({"command": answer.command, "description": "run a command"})}


def _offered(body: Body) -> list[str]:
    return [str(tool.get("function", {}).get("name")) for tool in body.get("tools") or ()]


def _usage(tokens: Tokens) -> dict[str, Any]:
    # This protocol has no word for what was written to a cache: that is plain input here.
    put = tokens.input + tokens.cache_write + tokens.cache_read
    got = tokens.output + tokens.reasoning
    return {
        "prompt_tokens": put,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read},
        "completion_tokens": got,
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": put + got,
    }
