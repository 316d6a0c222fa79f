"""Floating-point numbers as text."""

from __future__ import annotations

from math import frexp, isinf, isnan

from kelos.templates.gofmt.spec import Spec, padded

_DEFAULT_PRECISION = {"e": 6, "E": 6, "f": 6, "F": 6}
_VERBS = frozenset("vbgGxXfFeE")
# No double has more significant digits than this; what is asked for beyond it is zeros.
_MOST_DIGITS = 1100


def format_float(value: float, spec: Spec) -> str | None:
    """The number for a verb; None when the verb is not for floats."""
    if spec.verb not in _VERBS:
        return None
    style = {"v": "g", "F": "f"}.get(spec.verb, spec.verb)
    precision = _DEFAULT_PRECISION.get(spec.verb) if spec.precision is None else spec.precision
    return _laid_out(_signed(value, style, precision), spec, style, precision)


def format_complex(value: complex, spec: Spec, plus: Spec) -> str | None:
    """Both parts, the second always with its sign."""
    real, imaginary = format_float(value.real, spec), format_float(value.imag, plus)
    return None if real is None or imaginary is None else f"({real}{imaginary}i)"


def _laid_out(number: str, spec: Spec, style: str, precision: int | None) -> str:
    """Sign, forced decimal point and padding; the number comes with its sign."""
    if spec.space and number[0] == "+" and not spec.plus:
        number = " " + number[1:]
    if number[1] in "IN":
        if number[1] == "N" and not spec.space and not spec.plus:
            number = number[1:]
        return padded(number, spec, zeros=False)
    if spec.sharp and style != "b":
        number = _with_point(number, style, precision)
    if not spec.plus and number[0] == "+":
        return padded(number[1:], spec)
    if spec.zero and not spec.minus and spec.width is not None and spec.width > len(number):
        return number[0] + "0" * (spec.width - len(number)) + number[1:]
    return padded(number, spec)


def _with_point(number: str, style: str, precision: int | None) -> str:
    """The number with a decimal point and the zeros that `#` keeps."""
    missing = 0
    if style in "gGx":
        missing = 6 if precision is None else precision
    body, mark, exponent = number, "", ""
    for sign in "pP" if style in "xX" else "eEpP":
        if sign in number:
            body, mark, exponent = number.partition(sign)
            break
    digits = body[1:].replace(".", "")
    missing -= len(digits.lstrip("0"))
    if "." not in body:
        if body[1:] == "0":
            missing -= 1
        body += "."
    return body + "0" * missing + mark + exponent


def _signed(value: float, style: str, precision: int | None) -> str:
    """The number with its sign, plus included."""
    if isnan(value):
        return "+NaN"
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = _unsigned(abs(value), style, precision)
    return ("-" if str(value).startswith("-") else "+") + text


def _unsigned(value: float, style: str, precision: int | None) -> str:
    if style == "b":
        return _binary(value)
    if style in "xX":
        text = _hexadecimal(value, precision)
        return text.upper() if style == "X" else text
    if precision is None:
        text = _shortest(value)
        return text.upper() if style == "G" else text
    if style in "gG":
        return f"{value:.{min(precision, _MOST_DIGITS)}{style}}"
    text = f"{value:.{min(precision, _MOST_DIGITS)}{style}}"
    zeros = "0" * (precision - _MOST_DIGITS)
    head, mark, exponent = text.partition(style) if style in "eE" else (text, "", "")
    return head + zeros + mark + exponent


def _shortest(value: float) -> str:
    """The fewest digits that mean this number, in the style of %g."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0"
    point = int(exponent or 0) + (len(whole) if whole != "0" else len(digits) - len(fraction))
    digits = digits.rstrip("0")
    power = point - 1
    if power < -4 or power >= 6:
        tail = "." + digits[1:] if len(digits) > 1 else ""
        return f"{digits[0]}{tail}e{'-' if power < 0 else '+'}{abs(power):02d}"
    if point <= 0:
        return "0." + "0" * -point + digits
    return digits.ljust(point, "0") if len(digits) <= point else f"{digits[:point]}.{digits[point:]}"


def _binary(value: float) -> str:
    """Mantissa and power of two, both decimal."""
    if value == 0:
        return "0p-1074"
    fraction, power = frexp(value)
    mantissa, power = int(fraction * 2**53), power - 53
    if power < -1074:
        mantissa, power = mantissa >> (-1074 - power), -1074
    return f"{mantissa}p{power:+d}"


def _hexadecimal(value: float, precision: int | None) -> str:
    """Hexadecimal mantissa, decimal power of two."""
    if value == 0:
        mantissa, power = 0, 0
    else:
        fraction, power = frexp(value)
        mantissa, power = int(fraction * 2**53), power - 1
    # The mantissa is 1.52 bits here: 13 hexadecimal digits behind the point.
    if precision is not None and precision < 13:
        mantissa, power = _rounded(mantissa, power, 4 * (13 - precision))
    digits = f"{mantissa & (2**52 - 1):013x}"
    digits = digits.rstrip("0") if precision is None else digits.ljust(precision, "0")[:precision]
    point = "." if digits else ""
    return f"0x{mantissa >> 52}{point}{digits}p{'-' if power < 0 else '+'}{abs(power):02d}"


def _rounded(mantissa: int, power: int, bits: int) -> tuple[int, int]:
    """Half to even on the bits that are not shown."""
    half, rest = 1 << (bits - 1), mantissa & ((1 << bits) - 1)
    mantissa -= rest
    if rest > half or (rest == half and mantissa >> bits & 1):
        mantissa += 1 << bits
    return (mantissa >> 1, power + 1) if mantissa >> 53 else (mantissa, power)
