"""What a protocol must say of itself for the server to speak it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from providers.scenario import Answer, Tokens

Body = Mapping[str, Any]
Frame = tuple[str, object]
"""The name of a server-sent event ("" for none) and its data, which goes out as JSON unless it is text."""


class Dialect(Protocol):
    """One streaming protocol."""

    name: str
    key_header: str
    """The header that must carry the key, in lower case."""

    def matches(self, path: str) -> bool:
        """Whether a POST to this path is a call of the model."""

    def model(self, path: str, body: Body) -> str:
        """The model that is asked for."""

    def has_tools(self, body: Body) -> bool:
        """Whether the shell may be called: calls that only want a title or a classification offer none."""

    def frames(self, answer: Answer, tokens: Tokens, *, model: str, call: int, body: Body) -> Iterator[Frame]:
        """The stream of one answer."""

    def error(self, status: int) -> Body:
        """The body of an HTTP error."""


ERRORS = {401: "invalid api key", 429: "rate limit reached", 500: "internal error"}


def pieces(text: str, size: int = 64 * 1024) -> list[str]:
    """The text as a model would stream it; at least two parts, so that there is a middle."""
    step = max(1, min(size, (len(text) + 1) // 2))
    return [text[start : start + step] for start in range(0, len(text), step)]
