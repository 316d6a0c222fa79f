"""What the templates of a TaskSpawner say about one item: all text in the item is hostile, none of it is a template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kelos.api.names import shorten
from kelos.api.work_item import WorkItem
from kelos.errors import UserError
from kelos.templates import Limits, StringMap, Template, parse

# One process makes the Tasks of everybody: no template may keep it from the others.
MOST_ACTIONS = 2000
LONGEST_ACTIONS = 32 * 1024
PROMPT_LIMITS = Limits(steps=50_000)
SHORT_LIMITS = Limits(steps=5_000, output_bytes=256 * 1024)

# A character that no text may have: it stands for an opening brace of the item while a template runs.
_BRACE = "\ufdd0"
_BRACES = re.compile(rf"(?<!\{{)\{{?{_BRACE}+")
"""A brace of the template before them joins them: two of them would begin an action."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Renders the templates of one item."""

    data: Mapping[str, object]

    def of(self, field: str, template: str, limits: Limits = SHORT_LIMITS) -> str:
        """The text. Raises UserError; what is absent is an empty text, but a name that is not there is a mistake."""
        try:
            return parse_text(template).render(self.data, strict=True, absent="", limits=limits)
        except UserError as mistake:
            raise UserError(f"taskTemplate.{field}: {mistake}") from mistake

    def of_prompt(self, template: str, *, is_rendered_again: bool) -> str:
        """The prompt. With dependsOn the Task controller renders it once more, over the results of other Tasks.

        The template may have written actions for that; the item may not: its braces come back as they are.
        """
        text = self.of("promptTemplate", template, PROMPT_LIMITS)
        if not is_rendered_again or "{{" not in text:
            return text
        shielded = Texts({name: _shield(value) for name, value in self.data.items()})
        rendered = shielded.of("promptTemplate", template, PROMPT_LIMITS)
        return _BRACES.sub(lambda found: f'{{{{"{"{" * len(found[0])}"}}}}', rendered)


def parse_text(text: str) -> Template:
    """A template that is not too much to read. Raises UserError."""
    actions = [part.partition("}}")[0] for part in text.split("{{")[1:]]
    if len(actions) > MOST_ACTIONS or sum(map(len, actions)) > LONGEST_ACTIONS:
        raise UserError(
            f"the template has more than {MOST_ACTIONS} actions, or {LONGEST_ACTIONS} characters in them: use fewer"
        )
    return parse(text)


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
