"""One rendering in progress: budget, output, variables, and where we are in the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kelos.templates.errors import TemplateError, failure
from kelos.templates.limits import Budget, Limits
from kelos.templates.values import Value, byte_length

if TYPE_CHECKING:
    from kelos.templates.actions import Block


class Variables:
    """The variables in scope; the latest declaration of a name hides the earlier ones."""

    __slots__ = ("_declared", "_values")

    def __init__(self, root: Value) -> None:
        self._declared: list[str] = ["$"]
        self._values: dict[str, list[Value]] = {"$": [root]}

    def mark(self) -> int:
        """A point to come back to."""
        return len(self._declared)

    def forget(self, mark: int) -> None:
        """Drop what was declared since the mark."""
        while len(self._declared) > mark:
            self._values[self._declared.pop()].pop()

    def declare(self, name: str, value: Value) -> None:
        """A new variable."""
        self._declared.append(name)
        self._values.setdefault(name, []).append(value)

    def has(self, name: str) -> bool:
        """Whether a declaration of this name is in scope."""
        return bool(self._values.get(name))

    def get(self, name: str) -> Value:
        """The value of the latest declaration; LookupError when there is none."""
        return self._values[name][-1]

    def assign(self, name: str, value: Value) -> None:
        """Change the latest declaration."""
        self._values[name][-1] = value


class Run:
    """What the parts of a template share while they run."""

    __slots__ = ("absent", "at", "budget", "output", "strict", "templates", "text", "variables", "written")

    def __init__(
        self,
        text: str,
        templates: Mapping[str, Block],
        root: Value,
        limits: Limits,
        *,
        strict: bool,
        absent: str | None = None,
    ) -> None:
        self.text = text
        self.templates = templates
        self.strict = strict
        self.absent = absent
        self.budget = Budget(limits)
        self.variables = Variables(root)
        self.output: list[str] = []
        self.written = 0
        self.at = 0

    def write(self, text: str) -> None:
        """Add to the output."""
        self.written += byte_length(text)
        self.budget.hold(self.written)
        self.output.append(text)

    def fault(self, message: str) -> TemplateError:
        """The error for the place we are at."""
        return failure("execute", message, self.text, self.at)
