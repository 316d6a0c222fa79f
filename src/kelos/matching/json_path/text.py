"""What a found value is in a template's text."""

from __future__ import annotations

import json

from kelos.errors import UserError
from kelos.templates import parse

LONGEST_TEXT = 1024 * 1024

_AS_GO_PRINTS = parse('{{printf "%v" .value}}')
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def text_of(value: object) -> str:
    """Texts as they are, numbers, booleans and null as Go prints them, lists and objects as JSON."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict | list):
        return _AS_GO_PRINTS.render({"value": value})
    parts, size = [], 0
    try:
        for part in _ENCODER.iterencode(value):
            size += len(part)
            if size > LONGEST_TEXT:
                raise UserError(f"what a JSONPath finds has more than {LONGEST_TEXT} characters: make it narrower")
            parts.append(part)
    except RecursionError:
        raise UserError("what a JSONPath finds is nested too deeply: make it narrower") from None
    return "".join(parts)
