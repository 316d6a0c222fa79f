"""What the templates of a TaskSpawner say about one item: all text in the item is hostile, none of it is a template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kelos.api.names import shorten
from kelos.api.work_item import WorkItem
from kelos.errors import UserError
from kelos.templates import StringMap, TemplateError, parse

# A character that no text may have: it stands for an opening brace of the item while a template runs.
_BRACE = "\ufdd0"


@dataclass(frozen=True, slots=True)
class Texts:
    """Renders the templates of one item."""

    data: Mapping[str, object]

    def of(self, field: str, template: str) -> str:
        """The text. Raises UserError; what is absent is an empty text, but a name that is not there is a mistake."""
        try:
            return parse(template).render(self.data, strict=True, absent="")
        except TemplateError as mistake:
            raise UserError(f"taskTemplate.{field}: {mistake}") from mistake

    def of_prompt(self, field: str, template: str) -> str:
        """The text of a prompt that the Task controller renders once more, over the results of other Tasks.

        The template may have written actions for that; the item may not: its braces come back as they are.
        """
        text = self.of(field, template)
        if "{{" not in text:
            return text
        shielded = Texts({name: _shield(value) for name, value in self.data.items()})
        return shielded.of(field, template).replace(_BRACE, '{{"{"}}')


def texts_of(item: WorkItem, context: Mapping[str, str] | None) -> Texts:
    """The item's variables, and what was fetched for it as `.Context`."""
    fetched = {} if context is None else {"Context": StringMap(context)}
    return Texts({**item.variables, **fetched})


def label_value(text: str) -> str:
    """The text as a legal label value; one that is too long keeps a hash of all of it."""
    return shorten(re.sub(r"[^A-Za-z0-9._-]", "-", text).strip("-._"))


def _shield(value: object) -> object:
    if isinstance(value, str):
        return value.replace(_BRACE, "\ufffd").replace("{", _BRACE)
    if isinstance(value, StringMap):
        return StringMap({key: str(_shield(inner)) for key, inner in value.items()})
    if isinstance(value, Mapping):
        return {str(_shield(key)): _shield(inner) for key, inner in value.items()}
    return [_shield(inner) for inner in value] if isinstance(value, list | tuple) else value
