"""A template that was read once and can be rendered often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kelos.templates.actions import Block, run_block
from kelos.templates.errors import TemplateError
from kelos.templates.limits import LimitExceeded, Limits
from kelos.templates.run import Run
from kelos.templates.syntax.parser import ROOT, parse_templates
from kelos.templates.values import ForeignValue, printable_text
from kelos.templates.words import names_in, words_in

_SURROGATES = re.compile("[\ud800-\udfff]")
_DEFAULTS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A valid template."""

    text: str
    templates: Mapping[str, Block]

    def render(
        self,
        data: Mapping[str, object],
        *,
        strict: bool = False,
        absent: str | None = None,
        limits: Limits = _DEFAULTS,
    ) -> str:
        """The text with its actions done. `absent` is printed for what is not there, instead of Go's words for it."""
        root = data if type(data) is dict else dict(data)
        run = Run(self.text, self.templates, root, limits, strict=strict, absent=absent)
        try:
            run_block(self.templates[ROOT], run, root)
        except (LimitExceeded, ForeignValue) as error:
            raise run.fault(str(error)) from error
        except RecursionError:
            raise run.fault("blocks, templates or data are nested too deeply") from None
        return printable_text("".join(run.output))

    @property
    def words(self) -> frozenset[str]:
        """The names of all fields it mentions, and all texts in its actions."""
        return words_in(tuple(self.templates.values()))

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """The entries of its data that it counts on, as paths."""
        return tuple(names_in(self.templates, ROOT))


def parse(text: str) -> Template:
    """Read a template, or raise TemplateError with kind `parse`."""
    text = _SURROGATES.sub("\ufffd", text)
    return Template(text=text, templates=parse_templates(text))


__all__ = ["Template", "TemplateError", "parse"]
