"""Template text to tokens, with the rules of Go's scanner."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from enum import Enum, auto
from typing import NamedTuple

from kelos.templates.errors import TemplateError, failure
from kelos.templates.syntax.literals import NUMBER


class Kind(Enum):
    """What a token is."""

    TEXT = auto()
    OPEN = auto()  # {{
    CLOSE = auto()  # }}
    SPACE = auto()
    IDENTIFIER = auto()
    KEYWORD = auto()
    BOOL = auto()
    NIL = auto()
    DOT = auto()
    FIELD = auto()
    VARIABLE = auto()
    NUMBER = auto()
    COMPLEX = auto()
    CHARACTER = auto()
    STRING = auto()
    RAW_STRING = auto()
    PIPE = auto()
    ASSIGN = auto()
    DECLARE = auto()
    LEFT_PAREN = auto()
    RIGHT_PAREN = auto()
    OTHER = auto()
    END_OF_TEXT = auto()


class Token(NamedTuple):
    """A piece of the text and where it starts."""

    kind: Kind
    text: str
    at: int


KEYWORDS = frozenset({"block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"})

_SPACES = " \t\r\n"
_TRIMMED_CLOSE = re.compile(r"[ \t\r\n]-\}\}[ \t\r\n]*")
# A run of spaces leaves its last one to a trim marker that follows.
_SPACE = re.compile(r"[ \t\r\n]+(?=[ \t\r\n]-\}\})|[ \t\r\n]+")
_AFTER_WORD = re.compile(r"[ \t\r\n.,|:()]|\}\}|\Z")
_WORD = re.compile(r"\w*")
_QUOTED = {
    '"': (Kind.STRING, re.compile(r'"(?:[^"\\\n]|\\[^\n])*"'), "unterminated quoted string"),
    "'": (Kind.CHARACTER, re.compile(r"'(?:[^'\\\n]|\\[^\n])*'"), "unterminated character constant"),
    "`": (Kind.RAW_STRING, re.compile(r"`[^`]*`"), "unterminated raw quoted string"),
}
_SINGLE = {"=": Kind.ASSIGN, "|": Kind.PIPE}


def tokens(text: str) -> Iterator[Token]:
    """The tokens one after the other; raises when it comes to text that cannot be one."""
    at = 0
    while True:
        start = text.find("{{", at)
        if start < 0:
            break
        opened = start + 2
        trims = text.startswith("-", opened) and text[opened + 1 : opened + 2] in tuple(_SPACES)
        literal = text[at:start]
        if trims:
            literal = literal.rstrip(_SPACES)
            opened += 2
        if literal:
            yield Token(Kind.TEXT, literal, at)
        if text.startswith("/*", opened):
            at = _after_comment(text, opened)
        else:
            yield Token(Kind.OPEN, "{{", start)
            at = yield from _action(text, opened)
    if at < len(text):
        yield Token(Kind.TEXT, text[at:], at)
    yield Token(Kind.END_OF_TEXT, "the end of the template", len(text))


def _after_comment(text: str, at: int) -> int:
    """Where the text goes on after the comment that starts here."""
    end = text.find("*/", at + 2)
    if end < 0:
        raise failure("parse", "the comment is not closed; end it with */}}", text, at)
    closed = _close(text, end + 2)
    if closed is None:
        raise failure("parse", "the comment must be followed by }} at once", text, end)
    return closed


def _close(text: str, at: int) -> int | None:
    """Where the text goes on if an action is closed here."""
    trimmed = _TRIMMED_CLOSE.match(text, at)
    if trimmed:
        return trimmed.end()
    return at + 2 if text.startswith("}}", at) else None


def _action(text: str, at: int) -> Generator[Token, None, int]:
    """The tokens up to and with the closing delimiter; returns where the text goes on."""
    parens = 0
    while True:
        closed = _close(text, at)
        if closed is not None:
            if parens:
                raise failure("parse", "a left parenthesis is not closed", text, at)
            yield Token(Kind.CLOSE, "}}", at)
            return closed
        token = _next(text, at)
        if token.kind is Kind.LEFT_PAREN:
            parens += 1
        elif token.kind is Kind.RIGHT_PAREN:
            parens -= 1
            if parens < 0:
                raise failure("parse", "unexpected right parenthesis", text, at)
        yield token
        at += len(token.text)


def _next(text: str, at: int) -> Token:
    """The token that starts here, inside an action."""
    first = text[at : at + 1]
    if not first:
        raise failure("parse", "the action is not closed; end it with }}", text, at)
    if first in _SPACES:
        return _matched(Kind.SPACE, _SPACE, text, at)
    if first in _SINGLE:
        return Token(_SINGLE[first], first, at)
    if first == ":":
        if text.startswith(":=", at):
            return Token(Kind.DECLARE, ":=", at)
        raise failure("parse", "expected :=", text, at)
    if first in _QUOTED:
        kind, pattern, complaint = _QUOTED[first]
        if pattern.match(text, at) is None:
            raise failure("parse", complaint, text, at)
        return _matched(kind, pattern, text, at)
    if first == "$":
        return _name(Kind.VARIABLE, text, at)
    follows_digit = text[at + 1 : at + 2] in tuple("0123456789")
    if first == "." and not follows_digit:
        field = _name(Kind.FIELD, text, at)
        return field if len(field.text) > 1 else Token(Kind.DOT, ".", at)
    if first in ".+-0123456789":
        return _number(text, at)
    if _is_alphanumeric(first):
        return _word(text, at)
    return _other(first, text, at)


def _matched(kind: Kind, pattern: re.Pattern[str], text: str, at: int) -> Token:
    match = pattern.match(text, at)
    assert match is not None
    return Token(kind, match.group(), at)


def _is_alphanumeric(character: str) -> bool:
    """Go's idea of it, which is narrower than Python's: no superscripts, no fractions."""
    return character == "_" or character.isalpha() or character.isdecimal()


def _word_end(text: str, at: int) -> int:
    match = _WORD.match(text, at)
    assert match is not None
    word = match.group()
    if not word.isascii():
        for index, character in enumerate(word):
            if not _is_alphanumeric(character):
                return at + index
    return match.end()


def _require_end_of_word(text: str, at: int) -> None:
    if not _AFTER_WORD.match(text, at):
        raise _bad_character(text, at)


def _bad_character(text: str, at: int) -> TemplateError:
    return failure("parse", f"unexpected character {text[at]!r}", text, at)


def _name(kind: Kind, text: str, at: int) -> Token:
    """`$name`, `.name`, or the sign alone."""
    end = _word_end(text, at + 1)
    _require_end_of_word(text, end)
    return Token(kind, text[at:end], at)


def _word(text: str, at: int) -> Token:
    end = _word_end(text, at)
    _require_end_of_word(text, end)
    word = text[at:end]
    if word in KEYWORDS:
        return Token(Kind.KEYWORD, word, at)
    if word in ("true", "false"):
        return Token(Kind.BOOL, word, at)
    return Token(Kind.NIL if word == "nil" else Kind.IDENTIFIER, word, at)


def _number(text: str, at: int) -> Token:
    """A number; `1+2i` is one token."""
    end = _number_end(text, at, at)
    if text[end : end + 1] in ("+", "-"):
        end = _number_end(text, at, end)
        if text[end - 1] != "i":
            raise failure("parse", f"bad number {text[at:end]!r}", text, at)
        return Token(Kind.COMPLEX, text[at:end], at)
    return Token(Kind.NUMBER, text[at:end], at)


def _number_end(text: str, start: int, at: int) -> int:
    match = NUMBER.match(text, at)
    assert match is not None
    end = match.end()
    if text[end : end + 1] and _is_alphanumeric(text[end]):
        raise failure("parse", f"bad number {text[start : end + 1]!r}", text, start)
    return end


def _other(first: str, text: str, at: int) -> Token:
    if first == "(":
        return Token(Kind.LEFT_PAREN, first, at)
    if first == ")":
        return Token(Kind.RIGHT_PAREN, first, at)
    if " " < first < "\x7f":
        return Token(Kind.OTHER, first, at)
    raise _bad_character(text, at)
