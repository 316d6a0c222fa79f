"""Which words a template mentions in its actions, for rules about what it may use."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from kelos.templates.expressions import Chain, Field, Literal, Variable


def words_in(part: object) -> frozenset[str]:
    """The names of fields, and the texts in quotes, anywhere in a part of a template."""
    found: set[str] = set()
    waiting = [part]
    while waiting:
        here = waiting.pop()
        if isinstance(here, tuple):
            waiting.extend(here)
        elif isinstance(here, Literal):
            found.update({here.value} if isinstance(here.value, str) else ())
        elif is_dataclass(here):
            if isinstance(here, Field | Variable | Chain):
                found.update(here.names)
            waiting.extend(getattr(here, field.name) for field in fields(here))
    return frozenset(found)
