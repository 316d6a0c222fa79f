"""Makes outside text harmless to a terminal, to the runner's command parser and to a reader's eyes."""

from __future__ import annotations

import re

LINE_LIMIT = 4096
MESSAGE_LIMIT_BYTES = 1024

# CSI, OSC (ended by BEL or ST, or cut off), the other string sequences, and two-character escapes; 7 and 8 bit forms.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LEGACY_COMMAND = re.compile(r"##(?=\[)")


def clean_lines(text: str) -> list[str]:
    """The text as lines that can neither colour, move, hide, nor command anything."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return [_harmless(line) for line in text.split("\n")]


def clean_message(text: str) -> str:
    """One line of at most 1 KiB, for an output, a table cell or an annotation."""
    line = " ".join(part for part in (line.strip() for line in clean_lines(text)) if part)
    data = line.encode(errors="replace")
    if len(data) <= MESSAGE_LIMIT_BYTES:
        return data.decode()
    return data[: MESSAGE_LIMIT_BYTES - 3].decode(errors="ignore") + "..."


def _harmless(line: str) -> str:
    line = _LEGACY_COMMAND.sub("# #", _CONTROLS.sub("", line).replace("\t", "    "))
    return line if len(line) <= LINE_LIMIT else f"{line[:LINE_LIMIT]} [{len(line) - LINE_LIMIT} characters more]"
