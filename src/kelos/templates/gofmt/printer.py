"""Values as text: what Go's Print and Printf make of one argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kelos.templates.gofmt.floats import format_complex, format_float
from kelos.templates.gofmt.integers import format_byte, format_integer
from kelos.templates.gofmt.quoting import can_be_raw, quoted
from kelos.templates.gofmt.spec import PLAIN, Spec, padded
from kelos.templates.limits import Budget, LimitExceeded
from kelos.templates.values import NOTHING, Uint8, Value, admit, joined, raw, sorted_items, type_name


class Printer:
    """Collects text and stops when there is too much of it."""

    __slots__ = ("_budget", "_parts", "_size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._parts: list[str] = []
        self._size = 0

    def text(self) -> str:
        """All that was written."""
        return joined("".join(self._parts))

    def write(self, text: str) -> None:
        """Add text as it is."""
        self._size += len(text)
        self._budget.hold(self._size)
        self._budget.read(len(text))
        self._parts.append(text)

    def print(self, value: Value, spec: Spec) -> None:
        """Add an argument."""
        if value is None or value is NOTHING:
            self._print_nil(spec)
        elif spec.verb == "T":
            self.write(_text(type_name(value), replace(spec, verb="s")) or "")
        elif spec.verb in "wp" and isinstance(value, dict | list):
            self._complain(value, spec)
        else:
            self._print(value, spec, 0)

    def _print_nil(self, spec: Spec) -> None:
        if spec.verb in "Tv":
            self.write(padded("<nil>", spec))
        else:
            self.write(f"%!{spec.verb}(<nil>)")

    def _print(self, value: Value, spec: Spec, depth: int) -> None:
        if isinstance(value, dict | list):
            self._print_all(value, spec, depth)
            return
        if isinstance(value, str):
            self._budget.read(len(value))
        text = _scalar(value, spec)
        if text is None:
            self._complain(value, spec, depth)
        else:
            self.write(text)

    def _complain(self, value: Value, spec: Spec, depth: int = 0) -> None:
        """The verb does not fit: show that, and the value all the same."""
        self.write(f"%!{spec.verb}({type_name(value)}=")
        self._print(value, spec.as_value(), depth)
        self.write(")")

    def _print_all(self, value: dict[str, Value] | list[Value], spec: Spec, depth: int) -> None:
        if depth >= self._budget.limits.depth:
            raise LimitExceeded(f"the data are nested more than {self._budget.limits.depth} deep; print a part of them")
        self._budget.spend(1 + len(value))
        if spec.go_syntax:
            opening, between, closing = type_name(value) + "{", ", ", "}"
        else:
            opening, between, closing = "map[" if isinstance(value, dict) else "[", " ", "]"
        self.write(opening)
        if isinstance(value, dict):
            for index, (key, element) in enumerate(sorted_items(value)):
                self.write(between if index else "")
                self._print(key, spec, depth + 1)
                self.write(":")
                self._print_element(element, spec, depth)
        else:
            for index, element in enumerate(value):
                self.write(between if index else "")
                self._print_element(element, spec, depth)
        self.write(closing)

    def _print_element(self, element: Value, spec: Spec, depth: int) -> None:
        if element is None:
            self.write("interface {}(nil)" if spec.go_syntax else "<nil>")
        else:
            self._print(admit(element), spec, depth + 1)


def _scalar(value: Value, spec: Spec) -> str | None:
    """A value that is no collection; None when the verb does not fit."""
    if isinstance(value, str):
        return _text(value, spec)
    if isinstance(value, bool):
        return padded("true" if value else "false", spec) if spec.verb in "tv" else None
    if isinstance(value, Uint8):
        return format_byte(value, spec)
    if isinstance(value, int):
        return format_integer(value, spec)
    if isinstance(value, float):
        return format_float(value, spec)
    assert isinstance(value, complex)
    return format_complex(value, spec, replace(spec, plus=True))


def _text(value: str, spec: Spec) -> str | None:
    verb = spec.verb
    if verb in "xX":
        return _hexadecimal(value, spec)
    if spec.precision is not None:
        value = value[: spec.precision]
    if verb == "s" or (verb == "v" and not spec.go_syntax):
        return padded(value, spec)
    if verb not in "qv":
        return None
    if spec.sharp and can_be_raw(value):
        return padded(f"`{value}`", spec)
    return padded(quoted(value, ascii_only=spec.plus), spec)


def _hexadecimal(value: str, spec: Spec) -> str:
    """The bytes of a text, two digits each."""
    content = raw(value)[: spec.precision]
    text = content.hex(" ") if spec.space and content else content.hex()
    if spec.sharp and content:
        text = "0x" + text.replace(" ", " 0x")
    return padded(text.upper() if spec.verb == "X" else text, spec)


def print_plain(budget: Budget, values: Sequence[Value]) -> str:
    """Go's Sprint: a space between two values when neither is a string."""
    printer = Printer(budget)
    was_text = True
    for value in values:
        is_text = isinstance(value, str)
        if not is_text and not was_text:
            printer.write(" ")
        printer.print(value, PLAIN)
        was_text = is_text
    return printer.text()


def print_line(budget: Budget, values: Sequence[Value]) -> str:
    """Go's Sprintln: spaces between all values, a newline at the end."""
    printer = Printer(budget)
    for index, value in enumerate(values):
        if index:
            printer.write(" ")
        printer.print(value, PLAIN)
    printer.write("\n")
    return printer.text()
