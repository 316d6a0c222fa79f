"""Whether a template names what its items have: a name that none of them has is a mistake that the first would tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kelos.api.checks import excerpt
from kelos.api.task_spawner import TaskSpawner
from kelos.api.work_item import VARIABLES
from kelos.errors import UserError
from kelos.templates import Template

CONTEXT = "Context"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What templates may name; with `fetched` also `.Context` and these entries of it."""

    variables: tuple[str, ...] = VARIABLES
    fetched: tuple[str, ...] = ()

    def has(self, path: tuple[str, ...]) -> bool:
        """An item's variables are texts and numbers, which have no entries."""
        if path[0] == CONTEXT and self.fetched:
            return len(path) == 1 or (path[1] in self.fetched and len(path) == 2)
        return path[0] in self.variables and len(path) == 1

    def reader(self, parse: Callable[[str], Template]) -> Callable[[str], Template]:
        """`parse`, which also raises UserError for a name that no item has."""

        def read(text: str) -> Template:
            template = parse(text)
            if unknown := [path for path in template.names if not self.has(path)]:
                raise UserError(_sentence(unknown, self._names()))
            return template

        return read

    def _names(self) -> tuple[str, ...]:
        return (*self.variables, *(f"{CONTEXT}.{name}" for name in self.fetched))


def known_of(spawner: TaskSpawner) -> Known | None:
    """None where an item has what somebody sends, or there is no telling what an item is."""
    try:
        kind = spawner.spec.when.kind
    except UserError:
        return None
    fetched = tuple(source.name for source in spawner.spec.task_template.context_sources)
    return None if kind.is_pushed else Known(fetched=fetched)


def _sentence(unknown: Iterable[tuple[str, ...]], names: Iterable[str]) -> str:
    told = ", ".join(f"'{excerpt('.'.join(path))}'" for path in unknown)
    return f"names {told}, which no item of this source has; there are {', '.join(names)}"
