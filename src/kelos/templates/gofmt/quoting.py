"""Text and characters as Go constants."""

from __future__ import annotations

_ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
_REPLACEMENT = "\ufffd"


def quoted(text: str, *, ascii_only: bool) -> str:
    """The text in double quotes."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join([_escaped(character, '"', ascii_only) for character in text]) + '"'


def quoted_rune(code: int, *, ascii_only: bool) -> str:
    """The character in single quotes."""
    return "'" + _escaped(rune(code), "'", ascii_only) + "'"


def rune(code: int) -> str:
    """The character with this code, or the replacement character."""
    if 0 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
        return chr(code)
    return _REPLACEMENT


def can_be_raw(text: str) -> bool:
    """Whether the text may stand between back quotes."""
    return all(
        character == "\t" or not (character < " " or character in "`\x7f\ufeff" or "\ud800" <= character <= "\udfff")
        for character in text
    )


def _escaped(character: str, quote: str, ascii_only: bool) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if 0xD800 <= code <= 0xDFFF:
        character, code = _REPLACEMENT, 0xFFFD
    if character in (quote, "\\"):
        return "\\" + character
    if character.isprintable() and (code < 0x80 or not ascii_only):
        return character
    if character in _ESCAPES:
        return _ESCAPES[character]
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
