"""Label and field selectors: a text becomes a question that is asked of every object."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kelos.api.kinds import Manifest
from kelos.local.server.metadata import is_label_value, is_qualified_name
from kelos.local.server.refusals import bad_request

FieldReader = Callable[[Manifest], str]

_REQUIREMENT = re.compile(
    r"\s*(?:"
    r"!\s*(?P<absent>[\w./-]+)"
    r"|(?P<set_key>[\w./-]+)\s+(?P<set_op>in|notin)\s*\((?P<values>[^)]*)\)"
    r"|(?P<key>[\w./-]+)\s*(?P<op>==|!=|=|>|<)\s*(?P<value>[\w.-]*)"
    r"|(?P<present>[\w./-]+)"
    r")\s*(?:,|$)"
)
_FIELD = re.compile(r"(?P<key>[^=!]+?)\s*(?P<op>==|!=|=)\s*(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One condition on one label or field; `values` is empty for questions of mere presence."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def accepts(self, value: str | None) -> bool:
        """Whether a value (None: absent) meets the condition; an absent label is not in any set."""
        match self.operator:
            case "exists":
                return value is not None
            case "absent":
                return value is None
            case "in":
                return value in self.values
            case "notin":
                return value not in self.values
            case _:
                return _compare(self.operator, value, next(iter(self.values)))


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """A label selector such as `a=b,c!=d,e in (f,g),!h`. Raises a refusal that quotes what was not understood."""
    requirements = []
    position = 0
    while position < len(text):
        match = _REQUIREMENT.match(text, position)
        if match is None:
            raise bad_request(f"unable to parse the label selector '{text}' from '{text[position:]}' on")
        requirement = _requirement(match)
        if not is_qualified_name(requirement.key) or not all(map(is_label_value, requirement.values)):
            raise bad_request(f"unable to parse the label selector '{text}': '{match[0]}' is no label")
        requirements.append(requirement)
        position = match.end()
    return tuple(requirements)


def parse_fields(text: str, known: Iterable[str]) -> tuple[Requirement, ...]:
    """A field selector such as `metadata.name=a,status.phase!=Running`; unknown fields are refused."""
    requirements = []
    for part in filter(None, _split(text)):
        match = _FIELD.fullmatch(part)
        if match is None:
            raise bad_request(f"unable to parse the field selector '{part}': write field=value or field!=value")
        if match["key"].strip() not in known:
            raise bad_request(f"field label not supported: {match['key'].strip()}")
        value = re.sub(r"\\(.)", r"\1", match["value"])
        operator = "notin" if match["op"] == "!=" else "in"
        requirements.append(Requirement(key=match["key"].strip(), operator=operator, values=frozenset({value})))
    return tuple(requirements)


def accepts_labels(requirements: Iterable[Requirement], manifest: Manifest) -> bool:
    labels = manifest["metadata"].get("labels") or {}
    return all(requirement.accepts(labels.get(requirement.key)) for requirement in requirements)


def _requirement(match: re.Match[str]) -> Requirement:
    if match["absent"]:
        return Requirement(key=match["absent"], operator="absent")
    if match["present"]:
        return Requirement(key=match["present"], operator="exists")
    if match["set_key"]:
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(key=match["set_key"], operator=match["set_op"], values=values)
    operator = {"=": "in", "==": "in", "!=": "notin"}.get(match["op"], match["op"])
    return Requirement(key=match["key"], operator=operator, values=frozenset({match["value"]}))


def _compare(operator: str, value: str | None, bound: str) -> bool:
    try:
        left, right = int(value or ""), int(bound)
    except ValueError:
        return False
    return left > right if operator == ">" else left < right


def _split(text: str) -> list[str]:
    r"""Split at commas that no backslash precedes."""
    return re.split(r"(?<!\\),", text)
