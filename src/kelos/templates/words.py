"""Which words a template mentions in its actions, for rules about what it may use, and which entries it counts on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TypeAlias

from kelos.templates.actions import Action, Block, CallTemplate, Choice, Print, Range
from kelos.templates.expressions import Chain, Dot, Field, Literal, Operand, Pipeline, Variable

Path: TypeAlias = tuple[str, ...]
DOLLAR = "$"


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


@dataclass(kw_only=True)
class _Names:
    """`is_all`: dot is the data themselves. What is inside of them is not known; `$` always is all of them here."""

    paths: dict[Path, None] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)
    called: dict[str, None] = field(default_factory=dict)
    """Templates that are given all of the data."""

    def block(self, block: Block, *, is_all: bool = True) -> None:
        for action in block:
            self._action(action, is_all)

    def _action(self, action: Action, is_all: bool) -> None:
        match action:
            case Print(pipeline=pipeline):
                self._pipeline(pipeline, is_all)
            case Choice():
                for condition, block in action.branches:
                    self._pipeline(condition, is_all)
                    self.block(block, is_all=is_all and not action.moves_dot)
                self.block(action.otherwise, is_all=is_all)
            case Range():
                self._pipeline(action.pipeline, is_all)
                self.block(action.block, is_all=False)
                self.block(action.otherwise, is_all=is_all)
            case CallTemplate(name=name, pipeline=pipeline) if pipeline is not None:
                self._pipeline(pipeline, is_all)
                if _gives_all(pipeline, is_all):
                    self.called[name] = None

    def _pipeline(self, pipeline: Pipeline, is_all: bool) -> None:
        for command in pipeline.commands:
            for operand in (command.word, *command.arguments):
                self._operand(operand, is_all)

    def _operand(self, operand: Operand, is_all: bool) -> None:
        match operand:
            case Field(names=names) if is_all:
                self.paths[names] = None
            case Variable(name=name, names=names) if name == DOLLAR and names:
                self.paths[names] = None
            case Literal(value=str(text)):
                self.texts.add(text)
            case Chain(inner=inner):
                self._operand(inner, is_all)
            case Pipeline():
                self._pipeline(operand, is_all)


def names_in(templates: Mapping[str, Block], root: str) -> Iterator[Path]:
    """Paths like `("Context", "wiki")`, each once. What the template also looks up with `index . "Name"` is not among
    them: it knows that this may be missing. Nor is what stands where dot is something else."""
    found, done = _Names(called={root: None}), set[str]()
    while waiting := [name for name in found.called if name not in done]:
        for name in waiting:
            done.add(name)
            found.block(templates.get(name, ()))
    yield from (path for path in found.paths if path[0] not in found.texts)


def _gives_all(pipeline: Pipeline, is_all: bool) -> bool:
    if len(pipeline.commands) != 1 or pipeline.commands[0].arguments:
        return False
    match pipeline.commands[0].word:
        case Dot():
            return is_all
        case Variable(name=name, names=()):
            return name == DOLLAR
    return False
