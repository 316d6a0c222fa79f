"""What of an answer becomes the value of a context source."""

from __future__ import annotations

import json

from kelos.api.context_source import ResponseFilter
from kelos.errors import UserError
from kelos.matching.json_path import select


def read_answer(content: bytes, wanted: ResponseFilter | None) -> str:
    """The whole text, or the part that is wanted. Raises UserError when there is no such part."""
    text = content.decode("utf-8", "replace")
    if wanted is None:
        return text
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError("the answer is no JSON, so its responseFilter finds nothing in it") from None
    return select(wanted.expression, document)
