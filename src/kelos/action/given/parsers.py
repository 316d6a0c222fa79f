"""One parser for each form an input's text may have; each says in one sentence what it wants instead."""

from __future__ import annotations

import re
from collections.abc import Callable

from kelos.api.checks import duration_seconds, excerpt
from kelos.api.reasons import Reason, Retriable
from kelos.errors import UserError

RETRIES_LIMIT = 5  # of the Task's schema


def choice(*allowed: str) -> Callable[[str, str], str]:
    """A parser for one of these words."""

    def parse(text: str, name: str) -> str:
        if text.strip() not in allowed:
            raise UserError(f"The input `{name}` is '{excerpt(text.strip())}': it must be one of {', '.join(allowed)}")
        return text.strip()

    return parse


def flag(text: str, name: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise UserError(f"The input `{name}` is '{excerpt(text.strip())}': it must be true or false")
    return word == "true"


def names(text: str, name: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"[,\s]+", text) if part)


def bots(text: str, name: str) -> tuple[str, ...]:
    """Names as GitHub shows them, with or without `[bot]`; a wildcard would let in every stranger's app."""
    found = names(text, name)
    for bot in found:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*(\[bot\])?", bot):
            raise UserError(
                f"The input `{name}` holds '{excerpt(bot)}': write the names of bots, such as renovate[bot]"
            )
    return found


def size(text: str, name: str) -> int:
    match = re.fullmatch(r"([0-9]{1,12})(KiB|MiB)?", text.strip(), re.ASCII)
    if match is None:
        raise UserError(f"The input `{name}` is '{excerpt(text.strip())}': write a number of bytes, or like 5MiB")
    return int(match[1]) * {"KiB": 1024, "MiB": 1024**2}.get(match[2], 1)


def duration(text: str, name: str) -> int:
    return duration_seconds(text, f"The input `{name}`")


def number(least: int, most: int) -> Callable[[str, str], int]:
    """A parser for a whole number within bounds."""

    def parse(text: str, name: str) -> int:
        word = text.strip()
        if not re.fullmatch(r"[0-9]{1,9}", word, re.ASCII) or not least <= int(word) <= most:
            raise UserError(
                f"The input `{name}` is '{excerpt(word)}': it must be a whole number from {least} to {most}"
            )
        return int(word)

    return parse


def retriable(text: str, name: str) -> tuple[Retriable, ...]:
    """Ends of an agent, in the words of the output `failure-reason`; `infra` for those that are not its own fault."""
    words = {Reason(one.value).kebab: one for one in Retriable} | {"infra": Retriable.RATE_LIMITED}
    for word in names(text, name):
        if word not in words:
            raise UserError(f"The input `{name}` holds '{excerpt(word)}': use {', '.join(words)}")
    return tuple(dict.fromkeys(words[word] for word in names(text, name)))


def suffix(text: str, name: str) -> str:
    """What a derived name may end with."""
    word = text.strip()
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", word, re.ASCII):
        raise UserError(
            f"The input `{name}` is '{excerpt(word)}': use at most 40 lower case letters, digits and '-', "
            "beginning and ending with a letter or digit"
        )
    return word
