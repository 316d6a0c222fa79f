"""JQL: a project and a filter become one search, and the filter cannot leave its parentheses."""

from __future__ import annotations

import re

from kelos.errors import UserError

_PIECES = re.compile(r"""\\.|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|["'()]|\border\s+by\b""", re.IGNORECASE | re.DOTALL)
_QUOTED = re.compile(r'"[^"\\]*"')


def compose(project: str, jql: str) -> str:
    """The search for a TaskSpawner. Raises UserError for a filter that is none."""
    condition, order = split_order(jql)
    clauses = [f"project = {quoted(project)}"]
    if condition:
        clauses.append(f"AND ({condition})")
    if order:
        clauses.append(f"ORDER BY {order}")
    return " ".join(clauses)


def quoted(text: str) -> str:
    """A string of JQL: keys like INT are reserved words without the quotes. Whoever wrote these already is right."""
    text = text.strip()
    if _QUOTED.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def split_order(jql: str) -> tuple[str, str]:
    """The condition, and what follows ORDER BY."""
    depth = 0
    for found in _PIECES.finditer(jql):
        piece = found[0]
        if piece in ('"', "'"):
            raise UserError(f"jira.jql has a quotation mark without its partner at character {found.start() + 1}")
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth -= 1
            if depth < 0:
                raise UserError(f"jira.jql closes a parenthesis that it did not open at character {found.start() + 1}")
        elif depth == 0 and piece[0] in "oO":
            return jql[: found.start()].strip(), jql[found.end() :].strip()
    if depth:
        raise UserError("jira.jql does not close every parenthesis that it opens")
    return jql.strip(), ""
