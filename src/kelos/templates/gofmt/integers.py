"""Integers as text."""

from __future__ import annotations

from kelos.templates.gofmt.quoting import quoted_rune, rune
from kelos.templates.gofmt.spec import Spec, padded

_BASES = {"v": "d", "d": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}
_PREFIXES = {"b": "0b", "x": "0x", "X": "0X", "d": ""}
_WORD = 2**64 - 1  # negative numbers as the machine sees them, where Go asks for a character


def format_integer(value: int, spec: Spec) -> str | None:
    """The integer for a verb; None when the verb is not for integers."""
    verb = spec.verb
    if verb in _BASES:
        return _digits(value, spec, _BASES[verb])
    if verb == "c":
        return padded(rune(value & _WORD), spec)
    if verb == "q":
        return padded(quoted_rune(value & _WORD, ascii_only=spec.plus), spec)
    if verb == "U":
        return padded(_unicode(value & _WORD, spec), spec, zeros=False)
    return None


def format_byte(value: int, spec: Spec) -> str | None:
    """An unsigned integer, which Go's own syntax shows in hexadecimal."""
    if spec.verb == "v" and spec.go_syntax:
        return _digits(value, spec, "x", prefix="0x")
    return format_integer(value, spec)


def _digits(value: int, spec: Spec, base: str, prefix: str = "") -> str:
    wanted = spec.precision or 0
    if spec.precision == 0 and value == 0:
        return " " * (spec.width or 0)
    if spec.precision is None and spec.zero and not spec.minus and spec.width is not None:
        wanted = spec.width - (1 if value < 0 or spec.plus or spec.space else 0)
    digits = format(abs(value), base).rjust(wanted, "0")
    if spec.sharp and base == "o":
        digits = digits if digits.startswith("0") else "0" + digits
    elif spec.sharp:
        prefix = _PREFIXES[base]
    if spec.verb == "O":
        prefix = "0o"
    sign = "-" if value < 0 else "+" if spec.plus else " " if spec.space else ""
    return padded(sign + prefix + digits, spec, zeros=False)


def _unicode(code: int, spec: Spec) -> str:
    text = "U+" + format(code, "X").rjust(max(4, spec.precision or 0), "0")
    if spec.sharp and code <= 0x10FFFF and chr(code).isprintable():
        text += f" '{chr(code)}'"
    return text
