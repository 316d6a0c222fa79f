"""The agent's last words on their way through a document, a log line and a status."""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256

from kelos.api.outcome import RESPONSE_LIMIT_BYTES


def capped(text: str, limit_bytes: int = RESPONSE_LIMIT_BYTES) -> str:
    """As much of the beginning as fits into so many bytes of UTF-8; no character is cut in two."""
    whole = text.encode("utf-8", "replace")
    return whole[:limit_bytes].decode("utf-8", "ignore") if len(whole) > limit_bytes else whole.decode("utf-8")


def size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def fingerprint(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")


def decoded(value: str) -> str | None:
    """The text of a `response` value, or None when it is no base64 of UTF-8."""
    try:
        return base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
