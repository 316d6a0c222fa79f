"""Gemini's API: `POST /v1beta/models/<model>:streamGenerateContent`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from providers.dialect import ERRORS, Body, Frame, pieces
from providers.scenario import Answer, Call, Cut, Refuse, Run, Tokens

SHELL = "run_shell_command"
_PATH = re.compile(r"/v1beta/models/(?P<model>[^:/?]+):(?:streamGenerateContent|generateContent)")
_STATUSES = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}


class Google:
    """The dialect of Gemini CLI."""

    name = "google"
    key_header = "x-goog-api-key"

    def matches(self, path: str) -> bool:
        return _PATH.match(path) is not None

    def model(self, path: str, body: Body) -> str:
        found = _PATH.match(path)
        return found["model"] if found else ""

    def has_tools(self, body: Body) -> bool:
        return SHELL in _offered(body)

    def frames(self, answer: Answer, tokens: Tokens, *, model: str, call: int, body: Body) -> Iterator[Frame]:
        def frame(parts: list[dict[str, Any]], **more: object) -> Frame:
            candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **more}
            return "", {"candidates": [candidate], "modelVersion": model}

        contents: list[list[dict[str, Any]]]
        if isinstance(answer, Run | Call):
            contents = [[{"functionCall": _called(answer, body)}]]
        elif isinstance(answer, Refuse):
            contents = [[]]  # a blocked candidate has no parts
        else:
            contents = [[{"text": piece}] for piece in pieces(answer.text)]
        *first, last = contents
        for parts in first:
            yield frame(parts)
        if isinstance(answer, Cut):
            return
        _, body_of_last = frame(last, finishReason="SAFETY" if isinstance(answer, Refuse) else "STOP")
        assert isinstance(body_of_last, dict)
        yield "", {**body_of_last, "usageMetadata": _usage(tokens)}

    def error(self, status: int) -> Body:
        return {"error": {"code": status, "message": ERRORS[status], "status": _STATUSES.get(status, "UNKNOWN")}}


def _called(answer: Run | Call, body: Body) -> dict[str, Any]:
    if isinstance(answer, Call):
        return {"name": answer.offered(_offered(body)), "args": dict(answer.arguments)}
    return {"name": SHELL, "args": {"command": answer.command, "description": "run a command"}}


def _offered(body: Body) -> list[str]:
    groups = [group.get("functionDeclarations") or () for group in body.get("tools") or ()]
    return [str(declared.get("name")) for group in groups for declared in group]


def _usage(tokens: Tokens) -> dict[str, int]:
    # As in chat completions: what is written to a cache counts as plain input.
    put = tokens.input + tokens.cache_write + tokens.cache_read
    return {
        "promptTokenCount": put,
        "cachedContentTokenCount": tokens.cache_read,
        "candidatesTokenCount": tokens.output,
        "thoughtsTokenCount": tokens.reasoning,
        "totalTokenCount": put + tokens.output + tokens.reasoning,
    }
