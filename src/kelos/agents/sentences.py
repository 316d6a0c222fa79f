"""Outside text made fit for one sentence in a status or one line of a log."""

from __future__ import annotations

import re

from kelos.agents.json_lines import dig, parse_line

SENTENCE_LIMIT = 500
SUMMARY_LIMIT = 120

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_SECRETS = (
    re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{12,}"),
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{16,}"),
    re.compile(r"\bAIza[A-Za-z0-9_-]{20,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"),
    re.compile(r"(?<=://)[^/\s]+@"),
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{8,}"),
)


def printable(text: str) -> str:
    """The text without escape sequences and control characters; line ends and tabs stay."""
    return _CONTROL.sub("", _ESCAPE_SEQUENCE.sub("", text))


def one_line(text: str, limit: int = SENTENCE_LIMIT) -> str:
    """The text on one line, without control characters and without what looks like a secret, cut to `limit`."""
    flat = " ".join(printable(text[: limit * 20]).split())
    for pattern in _SECRETS:
        flat = pattern.sub("***", flat)
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


def summary(text: str) -> str:
    """A tool's argument for the log: line ends are shown, not made."""
    shown = printable(text[: SUMMARY_LIMIT * 20]).replace("\n", "\\n").replace("\t", " ")
    return shown if len(shown) <= SUMMARY_LIMIT else f"{shown[:SUMMARY_LIMIT]}..."


def inner_message(text: str) -> str:
    """The message inside `[API Error: {"error": {"message": …}}]` and its relatives, else the text itself."""
    start, stop = text.find("{"), text.rfind("}")
    if 0 <= start < stop and (body := parse_line(text[start : stop + 1])) is not None:
        for path in (("error", "message"), ("message",), ("error",)):
            found = dig(body, *path)
            if isinstance(found, str) and found:
                return found if found == text else inner_message(found)
    stripped = text.strip()
    if stripped.startswith("[API Error:") and stripped.endswith("]"):
        return stripped[len("[API Error:") : -1].strip()
    return stripped


def last_lines(text: str, number: int) -> str:
    """The end of a text: causes are told there, and noise before it."""
    return "\n".join([line for line in printable(text).splitlines() if line.strip()][-number:])


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(printable(text).splitlines()) if line.strip()), "")
