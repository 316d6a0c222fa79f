"""Takes out of a text what a reader of its page would not see, and counts it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# Blank or without a glyph, though Unicode calls them letters, marks or symbols.
BLANKS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
SELECTORS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
NEVER_SHOWN = re.compile("[\u2065\ufdd0-\ufdef\ufff0-\ufff8\U000e0000-\U000e0fff]")  # and never will be
EMOJI_SELECTORS = "\ufe0e\ufe0f"
NON_JOINER, JOINER = "\u200c", "\u200d"
KEYCAPS = "0123456789#*"

_COMMENT = re.compile(r"<!--.*?(?:--!?>|\Z)", re.DOTALL)
# A link definition to nowhere is Markdown's way of writing a comment.
_DEFINITION = re.compile(r"^ {0,3}\[[^]\n]{1,100}\]:[ \t]*(?:#|<>)(?:[ \t]+[(\"'][^\n]*)?[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """What is left, and what went: comments, and characters outside of them that show nothing."""

    text: str
    comments: int = 0
    characters: int = 0

    @property
    def loss(self) -> str:
        """What was taken out, in words; empty when nothing was."""
        counts = (("hidden comment", self.comments), ("invisible character", self.characters))
        return " and ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts if count)


def visible(text: str) -> Visible:
    """The text as a reader sees it. Line ends become `\\n`; emoji, and scripts that need joiners, stay whole."""
    plain = re.sub(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]", "\n", text)
    shown = _without_invisible(plain)
    characters = len(plain) - len(shown)
    shown, comments = _COMMENT.subn("", shown)
    shown, definitions = _DEFINITION.subn("", shown)
    return Visible(text=shown, comments=comments + definitions, characters=characters)


def _without_invisible(text: str) -> str:
    kept: list[str] = []
    for index, letter in enumerate(text):
        if letter in "\n\t" or _is_shown(letter) or _is_needed(letter, kept, text[index + 1 : index + 2]):
            kept.append(letter)
    return "".join(kept)


def _is_shown(letter: str) -> bool:
    """Letters that this Python's tables do not know yet count as seen: they show at least a box."""
    if letter < "\x7f":
        return letter >= " "
    return not (
        unicodedata.category(letter) in ("Cc", "Cf", "Cs")
        or letter in BLANKS
        or SELECTORS.match(letter)
        or NEVER_SHOWN.match(letter)
        or ord(letter) & 0xFFFE == 0xFFFE
    )


def _is_needed(letter: str, kept: list[str], after: str) -> bool:
    """Whether an invisible character changes how its neighbours look, as in emoji, Persian or Hindi."""
    before = kept[-1] if kept else ""
    if letter in EMOJI_SELECTORS:
        return _is_emoji(before) or (before in tuple(KEYCAPS) and after == "\u20e3")
    if letter == JOINER and _is_emoji(after):
        return _is_emoji(before) or before in tuple(EMOJI_SELECTORS)
    return letter in (NON_JOINER, JOINER) and _is_joining(before) and _is_joining(after)


def _is_emoji(letter: str) -> bool:
    return letter > "\u00a0" and (unicodedata.category(letter) in ("So", "Sk", "Sm") or letter in "\u203c\u2049")


def _is_joining(letter: str) -> bool:
    """Letters of the scripts in which a joiner is part of spelling: Arabic to Sinhala, Myanmar, Khmer, Mongolian."""
    is_in_range = "\u0600" <= letter <= "\u0dff" or "\u1000" <= letter <= "\u109f" or "\u1780" <= letter <= "\u18af"
    return is_in_range and _is_shown(letter)
