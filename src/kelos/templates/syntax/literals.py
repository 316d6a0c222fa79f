"""Constants in a template: quoted text, characters and numbers, read with Go's rules."""

from __future__ import annotations

import re
from math import isinf

from kelos.templates.values import INT_MAX, INT_MIN, from_raw, joined

_ESCAPE = re.compile(
    r"\\(?:(?P<letter>[abfnrtv\\\"'])|x(?P<byte>[0-9a-fA-F]{2})|(?P<octal>[0-7]{3})"
    r"|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8}))"
)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# How far a number reaches; whether it means anything is decided later.
NUMBER = re.compile(
    r"[+-]?(?:"
    r"0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*(?:\.[0-7_]*)?"
    r"|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?"
    r")i?"
)
_UINT_MAX = 2**64 - 1
_INTEGER = re.compile(
    r"[+-]?(?:0[xX](?P<hex>[0-9a-fA-F_]+)|0[bB](?P<bin>[01_]+)|0[oO]?(?P<oct>[0-7_]+)|(?P<dec>[0-9_]+))"
)
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_DECIMAL_FLOAT = re.compile(r"[+-]?(?=[0-9_]*\.?[0-9])[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9][0-9_]*)?")
_HEX_FLOAT = re.compile(r"[+-]?0[xX](?=[0-9a-fA-F_.])[0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?[pP][+-]?[0-9][0-9_]*")
_PREFIX = re.compile(r"[+-]?0[bBoOxX]")
_STRAY_UNDERSCORE = re.compile(r"(?<![0-9])_|_(?![0-9])")
_STRAY_HEX_UNDERSCORE = re.compile(r"(?<![0-9a-fA-F])_|_(?![0-9a-fA-F])")


class BadLiteral(ValueError):
    """A constant that does not mean anything."""


def unquote(token: str) -> str:
    """The text between quotes, escapes replaced."""
    quote, body = token[0], token[1:-1]
    if quote == "`":
        return body.replace("\r", "")
    if "\\" not in body:
        return body
    return joined("".join(_unescaped(body, quote)))


def _unescaped(body: str, quote: str) -> list[str]:
    parts: list[str] = []
    at = 0
    while at < len(body):
        escape = body.find("\\", at)
        if escape < 0:
            parts.append(body[at:])
            break
        parts.append(body[at:escape])
        code, at, is_byte = _escape(body, escape, quote)
        parts.append(from_raw(bytes([code])) if is_byte else chr(code))
    return parts


def _escape(body: str, at: int, quote: str) -> tuple[int, int, bool]:
    """The code behind a backslash, where the text goes on, and whether the code is a single byte."""
    match = _ESCAPE.match(body, at)
    if match is None:
        raise BadLiteral(f"unknown escape {body[at : at + 2]!r} in {quote}{body}{quote}")
    end = match.end()
    if letter := match["letter"]:
        if letter in "\"'" and letter != quote:
            raise BadLiteral(f"\\{letter} is not an escape between {quote} quotes")
        return ord(_LETTERS.get(letter, letter)), end, False
    if match["byte"]:
        return int(match["byte"], 16), end, True
    if match["octal"]:
        return _checked(int(match["octal"], 8), 0xFF, match.group()), end, True
    code = _checked(int(match["short"] or match["long"], 16), 0x10FFFF, match.group())
    if 0xD800 <= code <= 0xDFFF:
        raise BadLiteral(f"{match.group()} is not a character")
    return code, end, False


def _checked(code: int, highest: int, shown: str) -> int:
    if code > highest:
        raise BadLiteral(f"{shown} is not a character")
    return code


def character(token: str) -> int:
    """The code point of a character constant such as 'x'."""
    body = token[1:-1]
    if body.startswith("\\"):
        code, end, _ = _escape(body, 0, "'")
    elif body:
        code, end = ord(body[0]), 1
    else:
        raise BadLiteral("the character constant '' is empty")
    if end != len(body):
        raise BadLiteral(f"malformed character constant {token}")
    return code


def number(token: str) -> int | float | complex | None:
    """The value a number has by its looks; None for an integer that does not fit."""
    if token.endswith("i"):
        imaginary = _float(token[:-1])
        if imaginary is None:
            raise BadLiteral(f"bad number {token!r}")
        return complex(0, imaginary)
    integer = _integer(token)
    if integer is not None and INT_MIN <= integer <= (INT_MAX if token[0] in "+-" else _UINT_MAX):
        if _reads_as_float(token):
            return float(integer)
        return integer if integer <= INT_MAX else None
    value = _float(token)
    if value is None:
        raise BadLiteral(f"bad number {token!r}")
    if not any(sign in token for sign in ".eEpP"):
        raise BadLiteral(f"the integer {token} is too large")
    return value


def _reads_as_float(token: str) -> bool:
    """Go decides by the letters: a signed hexadecimal integer with an E in it passes for a float."""
    return token[:2] not in ("0x", "0X") and "e" in token.lower()


def complex_number(token: str) -> complex:
    """The value of a token such as 1+2i."""
    match = NUMBER.match(token)
    assert match is not None
    real, imaginary = _float(match.group()), _float(token[match.end() : -1])
    if real is None or imaginary is None:
        raise BadLiteral(f"bad number {token!r}")
    return complex(real, imaginary)


def _integer(token: str) -> int | None:
    match = _INTEGER.fullmatch(token)
    if match is None or not _underscores_separate_digits(token):
        return None
    name = match.lastgroup
    assert name is not None
    digits = match[name].replace("_", "")
    if name == "dec" and (len(digits) > 20 or (len(digits) > 1 and digits.startswith("0"))):
        return None
    value = int(digits, _BASES[name])
    return -value if token.startswith("-") else value


def _float(token: str) -> float | None:
    """What Go's ParseFloat makes of it: no infinities."""
    is_hex = token.lstrip("+-")[:2].lower() == "0x"
    pattern = _HEX_FLOAT if is_hex else _DECIMAL_FLOAT
    if not pattern.fullmatch(token) or not _underscores_separate_digits(token):
        return None
    digits = token.replace("_", "")
    try:
        value = float.fromhex(digits) if is_hex else float(digits)
    except (OverflowError, ValueError):
        return None
    return None if isinf(value) else value


def _underscores_separate_digits(token: str) -> bool:
    """An underscore stands between two digits, or between the prefix of a base and a digit."""
    if "_" not in token:
        return True
    prefix = _PREFIX.match(token)
    if prefix is None:
        return not _STRAY_UNDERSCORE.search(token)
    stray = _STRAY_HEX_UNDERSCORE if prefix.group()[-1] in "xX" else _STRAY_UNDERSCORE
    return not stray.search("0" + token[prefix.end() :])
