"""JSONPaths: where in a JSON document a value is, in a bounded number of steps.

The dialect is that of a Go library, and wider where that refuses: `$.a["b"][0]` is one value, a path with `*`, `..`,
`[1:3]`, `[0,2]` or `[?(@.kind == "bug")]` is the list of all it finds. Filters know `== != < <= > >= && || !` and take
a value alone for true when it is there and neither false, 0, null nor empty.
"""

from __future__ import annotations

from dataclasses import dataclass

from kelos.api.checks import excerpt
from kelos.errors import UserError
from kelos.matching.json_path.parser import Parser
from kelos.matching.json_path.segments import Query, TooManySteps, Walk
from kelos.matching.json_path.text import text_of

__all__ = ["Found", "JsonPath", "parse_json_path", "select", "text_of"]

LONGEST_PATH = 1024
MOST_STEPS = 200_000


@dataclass(frozen=True, slots=True)
class Found:
    """A value that is there, perhaps null."""

    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonPath:
    """A valid path."""

    text: str
    query: Query

    def find(self, document: object) -> Found | None:
        """The value, or None when it is missing. A path that may find several always finds a list."""
        try:
            values = list(self.query.values(document, Walk(root=document, steps=MOST_STEPS)))
        except TooManySteps:
            raise UserError(
                f"JSONPath '{excerpt(self.text)}' takes more than {MOST_STEPS} steps on this document: make it narrower"
            ) from None
        if self.query.is_single:
            return Found(values[0]) if values else None
        return Found(values)


def parse_json_path(text: str) -> JsonPath:
    """Read a path as a user writes it; `a.b` is `$.a.b`. Raises UserError."""
    if len(text) > LONGEST_PATH:
        raise UserError(f"JSONPath has {len(text)} characters, the limit is {LONGEST_PATH}: make it shorter")
    try:
        return JsonPath(text=text, query=Parser(text).path())
    except ValueError as mistake:
        raise UserError(f"JSONPath '{excerpt(text)}' {mistake}") from mistake


def select(expression: str, document: object) -> str:
    """The text of what the expression finds. Raises UserError, also when that is nothing."""
    found = parse_json_path(expression).find(document)
    if found is None:
        raise UserError(f"JSONPath '{excerpt(expression)}' finds nothing in the document")
    return text_of(found.value)
