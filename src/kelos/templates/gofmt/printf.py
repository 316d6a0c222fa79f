"""Go's Sprintf: reads a format and hands each argument to the printer."""

from __future__ import annotations

from collections.abc import Sequence

from kelos.templates.gofmt.printer import Printer
from kelos.templates.gofmt.spec import PLAIN, Spec
from kelos.templates.limits import Budget
from kelos.templates.values import NOTHING, Value, type_name

# A width or precision beyond this is not believed, so that nobody asks for a gigabyte of spaces.
_LARGEST = 1_000_000
_FLAGS = {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}


def print_formatted(budget: Budget, text: str, values: Sequence[Value]) -> str:
    """The text with its directives replaced by the values."""
    reader = _Format(budget, text, values)
    reader.read()
    return reader.printer.text()


class _Format:
    """A position in a format and among its arguments."""

    def __init__(self, budget: Budget, text: str, values: Sequence[Value]) -> None:
        self.budget = budget
        self.printer = Printer(budget)
        self.text = text
        self.at = 0
        self.values = values
        self.index = 0
        self.after_index = False  # an explicit index such as [3] was just read
        self.index_is_good = True
        self.reordered = False

    def read(self) -> None:
        """Print everything."""
        while True:
            percent = self.text.find("%", self.at)
            if percent < 0:
                break
            self.printer.write(self.text[self.at : percent])
            self.at = percent + 1
            self._directive()
        self.printer.write(self.text[self.at :])
        if not self.reordered and self.index < len(self.values):
            self._left_over()

    def _directive(self) -> None:
        self.budget.spend(1)
        self.index_is_good = True
        flags = self._flags()
        self._explicit_index()
        width = self._width(flags)
        precision = self._precision()
        if not self.after_index:
            self._explicit_index()
        if self.at >= len(self.text):
            self.printer.write("%!(NOVERB)")
            return
        verb = self.text[self.at]
        self.at += 1
        if "\ud800" <= verb <= "\udfff":
            verb = "\ufffd"
        self._argument(verb, width, precision, flags)

    def _argument(self, verb: str, width: int | None, precision: int | None, flags: dict[str, bool]) -> None:
        if verb == "%":
            self.printer.write("%")
        elif not self.index_is_good:
            self.printer.write(f"%!{verb}(BADINDEX)")
        elif self.index >= len(self.values):
            self.printer.write(f"%!{verb}(MISSING)")
        else:
            go_syntax = False
            if verb in "vw":
                go_syntax = flags.pop("sharp", False)
                flags.pop("plus", None)  # %+v names the fields of structs, which we have none of
            spec = Spec(verb=verb, width=width, precision=precision, go_syntax=go_syntax, **flags)
            self.printer.print(self.values[self.index], spec)
            self.index += 1

    def _left_over(self) -> None:
        self.printer.write("%!(EXTRA ")
        for number, value in enumerate(self.values[self.index :]):
            if number:
                self.printer.write(", ")
            if value is not None and value is not NOTHING:
                self.printer.write(type_name(value) + "=")
            self.printer.print(value, PLAIN)
        self.printer.write(")")

    def _flags(self) -> dict[str, bool]:
        flags: dict[str, bool] = {}
        while self.at < len(self.text) and self.text[self.at] in _FLAGS:
            flags[_FLAGS[self.text[self.at]]] = True
            self.at += 1
        return flags

    def _next_is(self, character: str) -> bool:
        return self.text.startswith(character, self.at)

    def _width(self, flags: dict[str, bool]) -> int | None:
        if not self._next_is("*"):
            width = self._number(len(self.text))
            if self.after_index and width is not None:
                self.index_is_good = False
            return width
        self.at += 1
        self.after_index = False
        width = self._from_argument()
        if width is None:
            self.printer.write("%!(BADWIDTH)")
        elif width < 0:
            flags["minus"] = True
            flags.pop("zero", None)
            return -width
        return width

    def _precision(self) -> int | None:
        if not self._next_is(".") or self.at + 1 >= len(self.text):
            return None
        self.at += 1
        if self.after_index:
            self.index_is_good = False
        self._explicit_index()
        if not self._next_is("*"):
            return self._number(len(self.text)) or 0
        self.at += 1
        self.after_index = False
        precision = self._from_argument()
        if precision is None or precision < 0:
            self.printer.write("%!(BADPREC)")
            return None
        return precision

    def _number(self, end: int) -> int | None:
        """Digits up to `end`; a number that is too large swallows the rest, as in Go."""
        number = None
        while self.at < end and self.text[self.at] in "0123456789":
            if number is not None and number > _LARGEST:
                self.at = end
                return None
            number = (number or 0) * 10 + int(self.text[self.at])
            self.at += 1
        return number

    def _from_argument(self) -> int | None:
        """The value of `*`."""
        if self.index >= len(self.values):
            return None
        value = self.values[self.index]
        self.index += 1
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST:
            return None
        return int(value)

    def _explicit_index(self) -> None:
        """Read [n], if it is there: the number of the argument to go on with."""
        self.after_index = False
        if not self._next_is("["):
            return
        self.reordered = True
        start = self.at
        closing = self.text.find("]", start)
        if closing < 0 or len(self.text) - start < 3:
            self.index_is_good = False
            self.at = start + 1
            return
        self.at = start + 1
        number = self._number(closing)
        is_number = number is not None and self.at == closing
        self.at = closing + 1
        self.after_index = is_number
        if is_number and number is not None and 1 <= number <= len(self.values):
            self.index = number - 1
        else:
            self.index_is_good = False
