"""Go's text/template for JSON-like data, in budgets: prompts and names that people write as templates."""

from __future__ import annotations

from collections.abc import Mapping

from kelos.templates.errors import TemplateError
from kelos.templates.limits import Limits
from kelos.templates.template import Template, parse
from kelos.templates.values import StringMap

__all__ = ["Limits", "StringMap", "Template", "TemplateError", "parse", "render"]


def render(text: str, data: Mapping[str, object], *, strict: bool = False) -> str:
    """The text with its actions done. `strict` refuses keys that the data do not have (Go: missingkey=error)."""
    return parse(text).render(data, strict=strict)
