"""What a template consists of: text and actions, each of which writes to the output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from kelos.templates.expressions import Pipeline
from kelos.templates.functions import printed
from kelos.templates.run import Run, Variables
from kelos.templates.values import NOTHING, Value, admit, is_true, sorted_items, type_name


class Leaves(Enum):
    """Why the rest of a block is skipped."""

    BREAK = "break"
    CONTINUE = "continue"


class Action(Protocol):
    """A piece of a template."""

    def run(self, run: Run, dot: Value) -> Leaves | None:
        """Do it; the answer is set when the block around it must be left."""
        ...


Block: TypeAlias = tuple[Action, ...]


def run_block(block: Block, run: Run, dot: Value) -> Leaves | None:
    """Do the actions in order."""
    spend = run.budget.spend
    for action in block:
        spend(1)
        leaves = action.run(run, dot)
        if leaves is not None:
            return leaves
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text that is written as it is."""

    text: str

    def run(self, run: Run, dot: Value) -> Leaves | None:
        run.write(self.text)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """A pipeline whose value is written, unless it goes into a variable."""

    pipeline: Pipeline

    def run(self, run: Run, dot: Value) -> Leaves | None:
        value = self.pipeline.evaluate(run, dot)
        if not self.pipeline.variables:
            run.at = self.pipeline.at
            run.write(value if type(value) is str else printed(run, value))
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """`break` and `continue`."""

    leaves: Leaves

    def run(self, run: Run, dot: Value) -> Leaves | None:
        return self.leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """`if` or `with`, and every `else` that belongs to it."""

    branches: tuple[tuple[Pipeline, Block], ...]
    otherwise: Block
    moves_dot: bool

    def run(self, run: Run, dot: Value) -> Leaves | None:
        variables = run.variables
        mark = variables.mark()
        run.budget.enter()
        leaves = self._run(run, dot)
        run.budget.leave()
        variables.forget(mark)
        return leaves

    def _run(self, run: Run, dot: Value) -> Leaves | None:
        for condition, block in self.branches:
            value = condition.evaluate(run, dot)
            if is_true(value):
                return run_block(block, run, value if self.moves_dot else dot)
        return run_block(self.otherwise, run, dot)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A block done for every element."""

    pipeline: Pipeline
    block: Block
    otherwise: Block

    def run(self, run: Run, dot: Value) -> Leaves | None:
        variables = run.variables
        mark = variables.mark()
        run.budget.enter()
        leaves = None
        value = self.pipeline.evaluate(run, dot)
        if not self._repeat(run, self._elements(run, value)):
            leaves = run_block(self.otherwise, run, dot)
        run.budget.leave()
        variables.forget(mark)
        return leaves

    def _elements(self, run: Run, value: Value) -> Iterable[tuple[Value, Value]]:
        """What there is to visit: pairs of index or key, and element."""
        if isinstance(value, dict):
            run.budget.spend(len(value))  # for sorting them
            return sorted_items(value)
        if isinstance(value, list):
            return enumerate(value)
        if value is NOTHING:
            return ()
        run.at = self.pipeline.at
        if not isinstance(value, int) or isinstance(value, bool):
            raise run.fault(f"range cannot go over a value of type {type_name(value)}")
        if len(self.pipeline.variables) > 1:
            raise run.fault("range over an integer takes one variable")
        kind = type(value)
        return ((NOTHING, kind(number)) for number in range(value))

    def _repeat(self, run: Run, elements: Iterable[tuple[Value, Value]]) -> bool:
        """Whether there was anything to visit."""
        variables = run.variables
        inner = variables.mark()
        visited = False
        for index, element in elements:
            visited = True
            run.budget.spend(1)
            element = admit(element)
            self._set(run, index, element)
            leaves = run_block(self.block, run, element)
            variables.forget(inner)
            if leaves is Leaves.BREAK:
                break
        return visited

    def _set(self, run: Run, index: Value, element: Value) -> None:
        """One variable takes the element; two take index and element."""
        names = self.pipeline.variables
        if not names:
            return
        values = (element,) if len(names) == 1 else (index, element)
        for name, value in zip(names, values, strict=True):
            if self.pipeline.assigns:
                self.pipeline.store(run, name, value)
            else:
                run.variables.assign(name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTemplate:
    """`template` and `block`: another template, which sees its own dot and none of our variables."""

    at: int
    name: str
    pipeline: Pipeline | None

    def run(self, run: Run, dot: Value) -> Leaves | None:
        block = run.templates.get(self.name)
        if block is None:
            run.at = self.at
            raise run.fault(f"there is no template {self.name!r}; define it with {{{{define}}}}")
        value = NOTHING if self.pipeline is None else self.pipeline.evaluate(run, dot)
        run.at = self.at
        outer, run.variables = run.variables, Variables(value)
        run.budget.enter()
        run_block(block, run, value)
        run.budget.leave()
        run.variables = outer
        return None
