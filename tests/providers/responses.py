"""OpenAI's Responses API: `POST /v1/responses`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from providers.dialect import ERRORS, Body, Frame, pieces
from providers.scenario import Answer, Call, Cut, Refuse, Run, Tokens

CUSTOM, FUNCTION = "exec", "exec_command"


class Responses:
    """The dialect of Codex: its own models get a tool that takes JavaScript, unknown ones a plain function."""

    name = "responses"
    key_header = "authorization"

    def matches(self, path: str) -> bool:
        return path.partition("?")[0] == "/v1/responses"

    def model(self, path: str, body: Body) -> str:
        return str(body.get("model", ""))

    def has_tools(self, body: Body) -> bool:
        return _takes_script(body) or _has_function(body)

    def frames(self, answer: Answer, tokens: Tokens, *, model: str, call: int, body: Body) -> Iterator[Frame]:
        response: dict[str, Any] = {"id": f"resp_{call:06}", "object": "response", "model": model, "output": []}
        yield _frame("response.created", response={**response, "status": "in_progress"})
        item = _call(answer, call, body) if isinstance(answer, Run | Call) else _message(answer, call)
        started = item if isinstance(answer, Run | Call) else {**item, "content": [], "status": "in_progress"}
        yield _frame("response.output_item.added", output_index=0, item=started)
        if not isinstance(answer, Run | Call):
            kind = "refusal" if isinstance(answer, Refuse) else "output_text"
            for piece in pieces(answer.text):
                at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
                yield _frame(f"response.{kind}.delta", **at, delta=piece)
        if isinstance(answer, Cut):
            return
        yield _frame("response.output_item.done", output_index=0, item=item)
        done = {**response, "output": [item], "usage": _usage(tokens)}
        if isinstance(answer, Refuse):
            details = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
            yield _frame("response.incomplete", response={**done, **details})
        else:
            yield _frame("response.completed", response={**done, "status": "completed"})

    def error(self, status: int) -> Body:
        return {"error": {"message": ERRORS[status], "type": "api_error", "code": None, "param": None}}


def _message(answer: Answer, call: int) -> dict[str, Any]:
    assert not isinstance(answer, Run | Call)
    if isinstance(answer, Refuse):
        content: dict[str, Any] = {"type": "refusal", "refusal": answer.text}
    else:
        content = {"type": "output_text", "text": answer.text, "annotations": []}
    return {"type": "message", "id": f"msg_{call:06}", "role": "assistant", "status": "completed", "content": [content]}


def _call(answer: Run | Call, call: int, body: Body) -> dict[str, Any]:
    shared = {"id": f"item_{call:06}", "call_id": f"call_{call:06}", "status": "completed"}
    name, arguments = FUNCTION, {"cmd": answer.command} if isinstance(answer, Run) else dict(answer.arguments)
    if isinstance(answer, Call):
        name = answer.offered(_offered(body))
    if _takes_script(body):
        script = f"const r = await tools.{name}({json.dumps(arguments)}); text(r.output ?? JSON.stringify(r));"
        return {"type": "custom_tool_call", "name": CUSTOM, "input": script, **shared}
    return {"type": "function_call", "name": name, "arguments": json.dumps(arguments), **shared}


def _offered(body: Body) -> list[str]:
    return [str(tool.get("name")) for tool in body.get("tools") or ()]


def _takes_script(body: Body) -> bool:
    items = body.get("input")
    return isinstance(items, list) and any(item.get("type") == "additional_tools" for item in items)


def _has_function(body: Body) -> bool:
    return any(tool.get("name") == FUNCTION for tool in body.get("tools") or ())


def _usage(tokens: Tokens) -> dict[str, Any]:
    read, written = tokens.cache_read, tokens.cache_write
    put, got = tokens.input + read + written, tokens.output + tokens.reasoning
    return {
        "input_tokens": put,
        "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "output_tokens": got,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": put + got,
    }


def _frame(kind: str, **members: object) -> Frame:
    return kind, {"type": kind, **members}
