"""Checks of values that come out of agent pods, before anybody hands them on as facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from kelos.api.checks import is_branch_name
from kelos.api.outcome import Usage

LARGEST_COUNT = 2**53 - 1
URL_LIMIT = 500
WORD_LIMIT = 200

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_COUNT = re.compile(r"[0-9]{1,16}")
_COST = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,40})?(?:[eE][-+]?[0-9]{1,2})?")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+\[\]-]*")
_URL = re.compile(r"https://[A-Za-z0-9.:-]+/[A-Za-z0-9._~/%+=&?#-]*")


def stored_size(text: str) -> int:
    """About what a text costs in a stored object: the API server writes `<`, `>`, `&` with six bytes, `"` with two."""
    size = len(text.encode("utf-8", "replace"))
    return size + 5 * sum(map(text.count, "<>&\u2028\u2029")) + sum(map(text.count, '"\\\n\r\t')) + 4


def branch(value: object) -> str | None:
    """A branch as git accepts it."""
    return value if isinstance(value, str) and is_branch_name(value) else None


def commit(value: object) -> str | None:
    """A full commit hash, SHA-1 or SHA-256."""
    return value if isinstance(value, str) and _COMMIT.fullmatch(value) else None


def pull_request(value: object) -> str | None:
    """An https address without user name or password."""
    if not isinstance(value, str) or len(value) > URL_LIMIT or not _URL.fullmatch(value):
        return None
    try:
        host = urlsplit(value).hostname
    except ValueError:
        return None
    return value if host else None


def word(value: object) -> str | None:
    """A short name without spaces: a model, a session."""
    return value if isinstance(value, str) and len(value) <= WORD_LIMIT and _WORD.fullmatch(value) else None


def count(value: object) -> int | None:
    """A number of tokens, as a number or as text."""
    if isinstance(value, str) and _COUNT.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= LARGEST_COUNT else None


def cost(value: object) -> str | None:
    """Dollars as plain decimal text: `1e-05` becomes `0.00001`."""
    if not isinstance(value, str) or not _COST.fullmatch(value):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    plain = format(amount, "f") if amount else "0"
    return plain if len(plain) <= 60 else None


def truth(value: object) -> bool | None:
    """`true` and `false`, as words or as JSON has them."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def usage_of(results: Mapping[str, str]) -> Usage:
    """The usage among results; what is no number there is not reported."""
    return Usage(
        input_tokens=count(results.get("input-tokens")),
        cache_read_tokens=count(results.get("cache-read-tokens")),
        cache_write_tokens=count(results.get("cache-write-tokens")),
        output_tokens=count(results.get("output-tokens")),
        cost_usd=cost(results.get("cost-usd")),
        model=word(results.get("model")),
    )
