"""`html`, `js` and `urlquery`: text made safe for a place it is put into."""

from __future__ import annotations

import re
from urllib.parse import quote_plus

from kelos.templates.values import raw

_HTML = str.maketrans({"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"})
_JS_SPECIAL = re.compile("[\\\\'\"<>&=\0-\x1f\x80-\U0010ffff]")


def escape_html(text: str) -> str:
    """For the text or an attribute of an HTML page."""
    return text.translate(_HTML)


def escape_js(text: str) -> str:
    """For a string constant in JavaScript."""
    return _JS_SPECIAL.sub(_js, text)


def _js(match: re.Match[str]) -> str:
    character = match.group()
    if character in "\\'\"":
        return "\\" + character
    code = ord(character)
    if code >= 0x80 and (character.isprintable() or 0xD800 <= code <= 0xDFFF):
        return character
    return f"\\u{code:04X}"


def escape_url(text: str) -> str:
    """For the query of a URL."""
    return quote_plus(raw(text))
