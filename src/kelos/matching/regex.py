"""Regular expressions from users, in RE2's syntax and in time that grows with the text only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import re2

from kelos.api.checks import excerpt
from kelos.errors import UserError

LONGEST_REGEX = 1024

_SURROGATES = re.compile("[\ud800-\udfff]")
_MEMORY_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Regex:
    """A valid expression."""

    compiled: Any

    def is_in(self, text: str) -> bool:
        """Whether the expression matches anywhere in the text."""
        return self.compiled.search(_text(text)) is not None

    def is_all_of(self, text: str) -> bool:
        """Whether the expression matches the text from its beginning to its end."""
        return self.compiled.fullmatch(_text(text)) is not None


def parse_regex(expression: str) -> Regex:
    """Read an expression as a user writes it. Raises UserError."""
    if len(expression) > LONGEST_REGEX:
        raise UserError(f"Pattern has {len(expression)} characters, the limit is {LONGEST_REGEX}: make it shorter")
    try:
        return compile_regex(expression)
    except ValueError as mistake:
        raise UserError(
            f"Pattern '{excerpt(expression)}' is not a regular expression of RE2 ({mistake}): "
            "see https://github.com/google/re2/wiki/Syntax"
        ) from mistake


def compile_regex(expression: str) -> Regex:
    """An expression of our own making, or ValueError; `.` matches no line break unless it says `(?s)`."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    try:
        return Regex(re2.compile(_text(expression), options))
    except re2.error as mistake:
        why = mistake.args[0] if mistake.args else ""
        raise ValueError(excerpt(why.decode(errors="replace") if isinstance(why, bytes) else str(why))) from mistake


def quote(text: str) -> str:
    """An expression that matches just this text."""
    return str(re2.escape(_text(text)))


def _text(text: str) -> str:
    """What JSON can hold and UTF-8 cannot."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)
