"""What goes wrong with a template, and where in its text."""

from __future__ import annotations

from typing import Literal

from kelos.errors import UserError

_LONGEST_MESSAGE = 300  # it may quote the template, which may be long


class TemplateError(UserError):
    """A template that cannot be read (`parse`) or applied to its data (`execute`); `line` and `column` count from 1."""

    def __init__(self, kind: Literal["parse", "execute"], message: str, *, line: int, column: int) -> None:
        super().__init__(f"Template line {line}, column {column}: {message}")
        self.kind = kind
        self.message = message
        self.line = line
        self.column = column


def failure(kind: Literal["parse", "execute"], message: str, text: str, offset: int) -> TemplateError:
    """The error for a place in the text of a template."""
    if len(message) > _LONGEST_MESSAGE:
        message = message[:_LONGEST_MESSAGE] + "…"
    before = text[:offset]
    line_start = before.rfind("\n") + 1
    return TemplateError(kind, message, line=before.count("\n") + 1, column=offset - line_start + 1)
