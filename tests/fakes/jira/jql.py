"""As much of JQL as the tests speak, with Jira's own words for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Issue = Mapping[str, Any]
Test = Callable[[Issue], bool]

_PIECE = re.compile(r"""\s*(?:("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(!=|[=(),])|([^\s=!(),"']+))""")
_RESERVED = frozenset({"int", "do", "group", "go", "index", "order", "by", "and", "or", "not", "select"})


class BadQuery(Exception):
    """Jira's answer 400."""


def search(jql: str, issues: list[Issue]) -> list[Issue]:
    """The issues that match, in the order asked for, else newest first."""
    query = _Query(jql)
    test = query.clause()
    order = query.order()
    found = [issue for issue in issues if test(issue)]
    for field, is_descending in reversed(order):
        found.sort(key=lambda issue: value(issue, field), reverse=is_descending)
    if {value(issue, "project") for issue in issues} and not query.projects <= {value(i, "project") for i in issues}:
        gone = sorted(query.projects - {value(i, "project") for i in issues})[0]
        raise BadQuery(f"The value '{gone}' does not exist for the field 'project'.")
    return found


def value(issue: Issue, field: str) -> Any:
    """What a search sees of a field."""
    if field == "project":
        return issue["key"].rpartition("-")[0]
    if field in ("key", "issuekey"):
        return int(issue["key"].rpartition("-")[2])
    found = issue["fields"].get("issuetype" if field == "type" else field)
    return found.get("name") if isinstance(found, dict) else found


class _Query:
    def __init__(self, jql: str) -> None:
        self.projects: set[str] = set()
        self.pieces: list[tuple[str, bool]] = []
        at = 0
        while jql[at:].strip():
            found = _PIECE.match(jql, at)
            if found is None:
                raise BadQuery(f"Error in the JQL Query: the character at {at} is reserved. (line 1, character {at})")
            quoted, sign, word = found.groups()
            text = re.sub(r"\\(.)", r"\1", quoted[1:-1]) if quoted else sign or word
            self.pieces.append((text, bool(quoted)))
            at = found.end()

    def peek(self) -> str:
        return "" if not self.pieces or self.pieces[0][1] else self.pieces[0][0].lower()

    def take(self, *wanted: str) -> str:
        if not self.pieces or (wanted and self.peek() not in wanted):
            near = self.pieces[0][0] if self.pieces else ""
            raise BadQuery(f"Error in the JQL Query: Expecting {' or '.join(wanted) or 'a value'} but got '{near}'.")
        return self.pieces.pop(0)[0]

    def operand(self) -> str:
        if self.pieces and not self.pieces[0][1] and self.pieces[0][0].lower() in _RESERVED:
            word = self.pieces[0][0]
            raise BadQuery(
                f"Error in the JQL Query: '{word}' is a reserved JQL word. You must surround it in quotation marks to "
                "use it in a query."
            )
        return self.take()

    def clause(self) -> Test:
        tests = [self.conjunction()]
        while self.peek() == "or":
            self.take()
            tests.append(self.conjunction())
        return lambda issue: any(test(issue) for test in tests)

    def conjunction(self) -> Test:
        tests = [self.term()]
        while self.peek() == "and":
            self.take()
            tests.append(self.term())
        return lambda issue: all(test(issue) for test in tests)

    def term(self) -> Test:
        if self.peek() == "(":
            self.take()
            inner = self.clause()
            self.take(")")
            return inner
        field = self.operand().lower()
        negated = False
        sign = self.take("=", "!=", "in", "not")
        if sign.lower() == "not":
            negated, sign = True, self.take("in")
        wanted = [self.operand()] if sign in ("=", "!=") else self.operands()
        if field == "project":
            self.projects |= set(wanted)
        negated = negated or sign == "!="
        return lambda issue: negated != _is_among(value(issue, field), wanted)

    def operands(self) -> list[str]:
        self.take("(")
        found = [self.operand()]
        while self.take(",", ")") == ",":
            found.append(self.operand())
        return found

    def order(self) -> list[tuple[str, bool]]:
        found: list[tuple[str, bool]] = []
        if self.pieces:
            self.take("order")
            self.take("by")
            while True:
                field = self.operand().lower()
                found.append((field, self.peek() == "desc"))
                if self.peek() in ("asc", "desc"):
                    self.take()
                if not self.pieces:
                    break
                self.take(",")
        return found or [("created", True), ("key", True)]


def _is_among(found: Any, wanted: list[str]) -> bool:
    names = found if isinstance(found, list) else [found]
    return any(str(name).lower() == one.lower() for name in names for one in wanted)
