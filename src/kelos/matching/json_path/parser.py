"""From the text of a path to its parts. ValueErrors go on after the words "JSONPath '…'"."""

from __future__ import annotations

import re

from kelos.api.checks import excerpt
from kelos.matching.json_path.segments import (
    COMPARISONS,
    Below,
    Compared,
    Condition,
    Every,
    Filter,
    Joined,
    Keys,
    Literal,
    Not,
    Query,
    Segment,
    Slice,
)

DEEPEST = 20

_NAME = re.compile(r"\w[\w-]*")
_FIRST_NAME = re.compile(r"[^\W\d][\w-]*")
_STRING = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*""", re.DOTALL)
_INTEGER = re.compile(r"\s*(-?[0-9]{1,9})\s*")
_NUMBER = re.compile(r"\s*(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*")
_SLICE = re.compile(r"\s*(-?[0-9]{1,9})?\s*:\s*(-?[0-9]{1,9})?\s*(?::\s*(-?[0-9]{1,9})?\s*)?(?=\])")
_WORD = re.compile(r"\s*(true|false|null)\b\s*")
_SIGN = re.compile(r"\s*(==|!=|<=|>=|<|>)\s*")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS = {"true": True, "false": False, "null": None}


class Parser:
    """Reads one path."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.at = 0
        self.depth = 0

    def path(self) -> Query:
        """The whole text."""
        first = _FIRST_NAME.match(self.text)
        if not first and not self._take("$"):
            raise ValueError("must begin with '$'")
        self.at = first.end() if first else self.at
        start: tuple[Segment, ...] = (Keys((first[0],)),) if first else ()
        segments = start + self._segments()
        if self.at < len(self.text):
            raise self._unexpected()
        return Query(segments=segments)

    def _segments(self) -> tuple[Segment, ...]:
        segments: list[Segment] = []
        while True:
            if self._take(".."):
                segments.append(Below(self._bracket() if self._take("[") else self._name()))
            elif self._take("."):
                segments.append(self._name())
            elif self._take("["):
                segments.append(self._bracket())
            else:
                return tuple(segments)

    def _name(self) -> Keys | Every:
        if self._take("*"):
            return Every()
        return Keys((self._match(_NAME)[0],))

    def _bracket(self) -> Keys | Every | Slice | Filter:
        self._skip()
        part: Keys | Every | Slice | Filter
        if self._take("*"):
            part = Every()
        elif self._take("?"):
            part = Filter(self._any())
        elif found := _SLICE.match(self.text, self.at):
            self.at = found.end()
            start, stop, step = (int(number) if number else None for number in found.groups())
            if step == 0:
                raise ValueError("must not have a step of 0")
            part = Slice(slice(start, stop, step))
        else:
            keys = [self._key()]
            while self._take(","):
                keys.append(self._key())
            part = Keys(tuple(keys))
        self._skip()
        self._expect("]")
        return part

    def _key(self) -> str | int:
        if found := _STRING.match(self.text, self.at):
            self.at = found.end()
            return _unquoted(found[1])
        return int(self._match(_INTEGER)[1])

    def _any(self) -> Condition:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError(f"must not be nested more than {DEEPEST} deep")
        conditions = [self._all()]
        while self._take("||"):
            conditions.append(self._all())
        self.depth -= 1
        return Joined(tuple(conditions), stops_at=True) if len(conditions) > 1 else conditions[0]

    def _all(self) -> Condition:
        conditions = [self._comparison()]
        while self._take("&&"):
            conditions.append(self._comparison())
        return Joined(tuple(conditions), stops_at=False) if len(conditions) > 1 else conditions[0]

    def _comparison(self) -> Condition:
        left = self._operand()
        if found := _SIGN.match(self.text, self.at):
            self.at = found.end()
            assert found[1] in COMPARISONS
            return Compared(found[1], left, self._operand())
        return left

    def _operand(self) -> Condition:
        self._skip()
        operand: Condition
        if self._take("!"):
            self.depth += 1
            if self.depth > DEEPEST:
                raise ValueError(f"must not be nested more than {DEEPEST} deep")
            operand = Not(self._operand())
            self.depth -= 1
        elif self._take("("):
            operand = self._any()
            self._skip()
            self._expect(")")
        elif self._take("@"):
            operand = Query(segments=self._segments(), is_relative=True)
        elif self._take("$"):
            operand = Query(segments=self._segments())
        else:
            operand = self._literal()
        self._skip()
        return operand

    def _literal(self) -> Literal:
        if found := _STRING.match(self.text, self.at):
            self.at = found.end()
            return Literal(_unquoted(found[1]))
        if found := _WORD.match(self.text, self.at):
            self.at = found.end()
            return Literal(_WORDS[found[1]])
        number = self._match(_NUMBER)[1]
        return Literal(float(number) if "." in number else int(number))

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        if not found:
            raise self._unexpected()
        self.at = found.end()
        return found

    def _take(self, word: str) -> bool:
        is_there = self.text.startswith(word, self.at)
        self.at += len(word) * is_there
        return is_there

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected(f", where '{word}' belongs")

    def _skip(self) -> None:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1

    def _unexpected(self, hint: str = "") -> ValueError:
        rest = self.text[self.at :]
        found = f"has '{excerpt(rest[:20])}' at character {self.at + 1}" if rest else "ends too early"
        return ValueError(f"{found}{hint}: write it like $.issue.labels[0].name")


def _unquoted(text: str) -> str:
    def unescape(found: re.Match[str]) -> str:
        what = found[1]
        return chr(int(what[1:], 16)) if len(what) == 5 else _ESCAPES.get(what, what)

    # JSON writes a character beyond the first 65536 as two escapes.
    plain = _ESCAPE.sub(unescape, text[1:-1])
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
