"""What people write about a Task, checked before anything is sent: names, branches, prompts, durations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from kelos.api.names import PROMPT_LIMIT_BYTES
from kelos.errors import UserError

INT32_MAX = 2**31 - 1

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|s)")
_BAD_IN_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|^[-/.]|[/.]$|^HEAD$")


def check_name(name: str, what: str) -> str:
    """The name of an object of the cluster, or a UserError that names the setting."""
    if len(name) > 253 or not _DNS_SUBDOMAIN.fullmatch(name):
        raise UserError(
            f"{what} '{excerpt(name)}' is not a legal name: use at most 253 lower case letters, digits, '-' and '.', "
            "beginning and ending with a letter or digit"
        )
    return name


def check_namespace(namespace: str) -> str:
    """The name of a namespace, or a UserError."""
    if not _DNS_LABEL.fullmatch(namespace):
        raise UserError(
            f"Namespace '{excerpt(namespace)}' is not a legal name: use at most 63 lower case letters, digits "
            "and '-', beginning and ending with a letter or digit"
        )
    return namespace


def check_prompt(prompt: str) -> str:
    """The prompt, or a UserError when no agent could be given it."""
    if not prompt.strip():
        raise UserError("The prompt is empty: say what the agent shall do")
    if "\x00" in prompt:
        raise UserError(
            f"The prompt has a NUL character at position {prompt.index(chr(0))}: remove it, no program can be given one"
        )
    try:
        size = len(prompt.encode())
    except UnicodeEncodeError as error:
        raise UserError(f"The prompt is not valid Unicode at position {error.start}: save it as UTF-8") from error
    if size > PROMPT_LIMIT_BYTES:
        raise UserError(
            f"The prompt has {size} bytes, the limit is {PROMPT_LIMIT_BYTES}: "
            "put long material into a file of the repository and refer to it"
        )
    return prompt


def is_branch_name(text: str) -> bool:
    """Whether git accepts this as the name of a branch."""
    return 0 < len(text.encode(errors="replace")) <= 244 and not _BAD_IN_BRANCH.search(text)


def check_branch(branch: str, what: str = "Branch") -> str:
    """The name of a branch or of another ref, or a UserError when git would refuse it."""
    if not is_branch_name(branch):
        raise UserError(f"{what} '{excerpt(branch)}' is not a name git accepts: see `git check-ref-format --branch`")
    return branch


def duration_seconds(text: str, what: str) -> int:
    """`90s`, `30m`, `1h30m`, `0` as whole seconds, part of a second counting as one; `what` names the setting."""
    text = text.strip()
    parts = _DURATION.findall(text)
    is_whole = bool(parts) and "".join(number + unit for number, unit in parts) == text
    if len(text) > 20 or not (is_whole or text == "0"):
        raise UserError(f"{what} '{excerpt(text)}' is not a duration: write it like 90s, 30m or 1h30m")
    milliseconds = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
    seconds = -int(-sum(float(number) * milliseconds[unit] for number, unit in parts) // 1000)
    if seconds > INT32_MAX:
        raise UserError(f"{what} '{excerpt(text)}' is too long: the limit is {INT32_MAX} seconds")
    return seconds


def excerpt(text: str) -> str:
    """Enough of a hostile text to recognise it, on one line."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return printable if len(printable) <= 60 else f"{printable[:57]}..."


def each(noun: str, names: Iterable[str], mistake_of: Callable[[str], str | None]) -> Iterator[str]:
    """A sentence for every name that has a mistake."""
    return (f"{noun} '{excerpt(name)}' {mistake}" for name in names if (mistake := mistake_of(name)))


def repeated(names: list[str]) -> list[str]:
    """What is there more than once."""
    return sorted({name for name in names if name and names.count(name) > 1})
