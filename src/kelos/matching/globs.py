"""Globs over paths: `**` crosses folders, `*` and `?` do not; `[a-z]`, `[^a-z]`, `{this,that}`; `\\` quotes.

A path matches as a whole. `folder/**` matches the folder and all below it, `**/name` a name in any folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kelos.api.checks import excerpt
from kelos.errors import UserError
from kelos.matching.regex import Regex, compile_regex, quote

LONGEST_GLOB = 1024
MOST_ALTERNATIVES = 100

_NOTHING = r"[^\x00-\x{10FFFF}]"


@dataclass(frozen=True, slots=True)
class Glob:
    """A valid glob."""

    regex: Regex

    def matches(self, path: str) -> bool:
        """Whether the whole path matches."""
        return self.regex.is_all_of(path)


def parse_glob(pattern: str) -> Glob:
    """Read a glob as a user writes it. Raises UserError."""
    if len(pattern) > LONGEST_GLOB:
        raise UserError(f"Glob has {len(pattern)} characters, the limit is {LONGEST_GLOB}: make it shorter")
    try:
        alternatives = "|".join(_regex_of(alternative) for alternative in _expand(tuple(_tokens(pattern))))
        return Glob(compile_regex(f"(?s){alternatives}"))
    except ValueError as mistake:
        raise UserError(f"Glob '{excerpt(pattern)}' {mistake}") from mistake


@dataclass(frozen=True, slots=True)
class _Token:
    """A special character, or (with kind "") the regex of what matches one character of the path."""

    kind: str
    regex: str = ""


_SLASH = _Token("/", "/")
_ANY_CHARACTER = _Token("", "[^/]")


def _tokens(pattern: str) -> Iterator[_Token]:
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        if letter == "\\":
            if at == len(pattern):
                raise ValueError("must not end with a backslash: write two of them for one in the path")
            yield _SLASH if pattern[at] == "/" else _Token("", quote(pattern[at]))
            at += 1
        elif letter == "[":
            regex, at = _class(pattern, at)
            yield _Token("", regex)
        elif letter == "?":
            yield _ANY_CHARACTER
        elif letter in "*{},/":
            yield _Token(letter, quote(letter))
        else:
            yield _Token("", quote(letter))


def _class(pattern: str, at: int) -> tuple[str, int]:
    """The characters after `[`, and where the pattern goes on after `]`."""
    is_negated = pattern[at : at + 1] in ("^", "!")
    at += is_negated
    ranges: list[tuple[str, str]] = []
    while True:
        first, is_quoted, at = _class_letter(pattern, at)
        if first == "]" and not is_quoted:
            break
        last = first
        if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in ("", "]"):
            last, _, at = _class_letter(pattern, at + 1)
        ranges.append((first, last))
    if not ranges:
        raise ValueError("must have a character between '[' and ']'")
    inside = "".join(f"{_code(first)}-{_code(last)}" for first, last in ranges if first <= last)
    if not inside:
        return ("." if is_negated else _NOTHING), at
    return f"[{'^' * is_negated}{inside}]", at


def _class_letter(pattern: str, at: int) -> tuple[str, bool, int]:
    is_quoted = pattern[at : at + 1] == "\\"
    at += is_quoted
    if at >= len(pattern):
        raise ValueError("must have a ']' for its '[': write '\\[' for one in the path")
    return pattern[at], is_quoted, at + 1


def _code(letter: str) -> str:
    return f"\\x{{{ord(letter):x}}}"


def _expand(tokens: tuple[_Token, ...]) -> list[list[_Token]]:
    """Every way to choose one of the alternatives in braces."""
    here: list[list[_Token]] = [[]]
    outside: list[tuple[list[list[_Token]], list[list[_Token]]]] = []  # before each open brace; its alternatives so far
    for token in tokens:
        if token.kind == "{":
            outside.append((here, []))
            here = [[]]
        elif token.kind == "," and outside:
            outside[-1][1].extend(here)
            here = [[]]
        elif token.kind == "}":
            if not outside:
                raise ValueError("must have a '{' for its '}': write '\\}' for one in the path")
            heads, choices = outside.pop()
            choices.extend(here)
            if len(heads) * len(choices) > MOST_ALTERNATIVES:
                raise ValueError(f"must not have more than {MOST_ALTERNATIVES} alternatives: write several globs")
            here = [[*head, *choice] for head in heads for choice in choices]
        else:
            for alternative in here:
                alternative.append(token)
    if outside:
        raise ValueError("must have a '}' for its '{': write '\\{' for one in the path")
    return here


def _regex_of(tokens: list[_Token]) -> str:
    parts: list[str] = []
    at = 0
    while at < len(tokens):
        if tokens[at].kind != "*":
            parts.append(tokens[at].regex)
            at += 1
        elif not _crosses_folders(tokens, at):
            parts.append("[^/]*")
            while at < len(tokens) and tokens[at].kind == "*":
                at += 1
        elif _crosses_folders(tokens, at + 3):
            at += 3  # `**/**` says it twice
        elif at + 2 < len(tokens):
            parts.append("(?:[^/]*/)*")
            at += 3
        else:
            parts[-1:] = ["(?:/.*)?" if parts else ".*"]
            at += 2
    return "".join(parts)


def _crosses_folders(tokens: list[_Token], at: int) -> bool:
    """Whether there is a `**` with nothing beside it up to the next slashes."""
    return (
        [token.kind for token in tokens[at : at + 2]] == ["*", "*"]
        and (at == 0 or tokens[at - 1].kind == "/")
        and (at + 2 == len(tokens) or tokens[at + 2].kind == "/")
    )
