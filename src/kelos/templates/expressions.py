"""What stands inside an action and has a value: operands, commands and pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kelos.templates.fields import walk
from kelos.templates.functions import FUNCTIONS
from kelos.templates.run import Run
from kelos.templates.values import NOTHING, Value, is_true


class Operand(Protocol):
    """Anything that may be an argument or the first word of a command."""

    @property
    def at(self) -> int: ...

    def evaluate(self, run: Run, dot: Value) -> Value:
        """The value as an argument."""
        ...

    def command(self, run: Run, dot: Value, arguments: Sequence[Operand], piped: Sequence[Value]) -> Value:
        """The value as the first word of a command, given arguments and perhaps the value of the command before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A constant; None stands for an integer that does not fit."""

    at: int
    shown: str
    value: int | float | complex | str | bool | None

    def evaluate(self, run: Run, dot: Value) -> Value:
        if self.value is None:
            run.at = self.at
            raise run.fault(f"{self.shown} does not fit into an integer of 64 bits")
        return self.value

    def command(self, run: Run, dot: Value, arguments: Sequence[Operand], piped: Sequence[Value]) -> Value:
        _refuse_arguments(run, self.at, self.shown, arguments, piped)
        return self.evaluate(run, dot)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nil:
    """The word nil: an argument, never a command."""

    at: int

    def evaluate(self, run: Run, dot: Value) -> Value:
        return NOTHING

    def command(self, run: Run, dot: Value, arguments: Sequence[Operand], piped: Sequence[Value]) -> Value:
        run.at = self.at
        raise run.fault("nil is not a command")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """The value at hand."""

    at: int

    def evaluate(self, run: Run, dot: Value) -> Value:
        return dot

    def command(self, run: Run, dot: Value, arguments: Sequence[Operand], piped: Sequence[Value]) -> Value:
        _refuse_arguments(run, self.at, ".", arguments, piped)
        return dot


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """`.a.b.c`: entries of nested maps, starting at dot."""

    at: int
    names: tuple[str, ...]

    def evaluate(self, run: Run, dot: Value) -> Value:
        return walk(run, self.at, dot, self.names)

    def command(self, run: Run, dot: Value, arguments: Sequence[Operand], piped: Sequence[Value]) -> Value:
        return walk(run, self.at, dot, self.names, has_arguments=bool(arguments or piped))


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """`$x.a.b`: a variable, or entries of the nested maps in it."""

    at: int
    name: str
    names: tuple[str, ...] = ()

    def evaluate(self, run: Run, dot: Value) -> Value:
        return walk(run, self.at, self._value(run), self.names)

    def command(self, run: Run, dot: Value, arguments: Sequence[Operand], piped: Sequence[Value]) -> Value:
        value = self._value(run)
        if not self.names:
            _refuse_arguments(run, self.at, self.name, arguments, piped)
            return value
        return walk(run, self.at, value, self.names, has_arguments=bool(arguments or piped))

    def _value(self, run: Run) -> Value:
        try:
            return run.variables.get(self.name)
        except LookupError:
            run.at = self.at
            raise run.fault(f"undefined variable {self.name}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """`(pipeline).a.b`: entries of the nested maps that something else evaluates to."""

    at: int
    inner: Operand
    names: tuple[str, ...]

    def evaluate(self, run: Run, dot: Value) -> Value:
        return walk(run, self.at, self.inner.evaluate(run, dot), self.names)

    def command(self, run: Run, dot: Value, arguments: Sequence[Operand], piped: Sequence[Value]) -> Value:
        value = self.inner.evaluate(run, dot)
        return walk(run, self.at, value, self.names, has_arguments=bool(arguments or piped))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The name of a built-in function."""

    at: int
    name: str

    def evaluate(self, run: Run, dot: Value) -> Value:
        return self.command(run, dot, (), ())

    def command(self, run: Run, dot: Value, arguments: Sequence[Operand], piped: Sequence[Value]) -> Value:
        function = FUNCTIONS[self.name]
        given = len(arguments) + len(piped)
        if given < function.at_least or (function.at_most is not None and given > function.at_most):
            run.at = self.at
            raise run.fault(f"wrong number of arguments for {self.name}: {given}")
        if function.stops_at is not None:
            return _first_decisive(run, dot, arguments, piped, truth=function.stops_at)
        values = [argument.evaluate(run, dot) for argument in arguments]
        values.extend(piped)
        run.at = self.at
        return function.apply(run, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A first word and its arguments."""

    word: Operand
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Commands, each given the value of the one before; perhaps the result goes into variables."""

    at: int
    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    assigns: bool = False  # to variables that exist already

    def evaluate(self, run: Run, dot: Value) -> Value:
        """The value of the last command; null and absent are the same from here on."""
        piped: tuple[Value, ...] = ()
        value: Value = NOTHING
        budget = run.budget
        for command in self.commands:
            run.at = self.at
            budget.spend(1 + len(command.arguments))
            value = command.word.command(run, dot, command.arguments, piped)
            if value is None:
                value = NOTHING
            piped = (value,)
        for name in self.variables:
            self.store(run, name, value)
        return value

    def command(self, run: Run, dot: Value, arguments: Sequence[Operand], piped: Sequence[Value]) -> Value:
        _refuse_arguments(run, self.at, "a parenthesized pipeline", arguments, piped)
        return self.evaluate(run, dot)

    def store(self, run: Run, name: str, value: Value) -> None:
        """Declare or assign one variable."""
        if not self.assigns:
            run.variables.declare(name, value)
        elif run.variables.has(name):
            run.variables.assign(name, value)
        else:
            run.at = self.at
            raise run.fault(f"undefined variable {name}; declare it with :=")


def _refuse_arguments(run: Run, at: int, shown: str, arguments: Sequence[Operand], piped: Sequence[Value]) -> None:
    if arguments or piped:
        run.at = at
        raise run.fault(f"{shown} is not a function, so it takes no arguments")


def _first_decisive(
    run: Run, dot: Value, arguments: Sequence[Operand], piped: Sequence[Value], *, truth: bool
) -> Value:
    """`and` and `or`: the first argument with this truth, or the last; later arguments are not evaluated."""
    value: Value = NOTHING
    for argument in arguments:
        value = argument.evaluate(run, dot)
        if is_true(value) is truth:
            return value
    return piped[0] if piped else value
