"""Texts of Jira: strings as they are, documents of Atlassian's format as the text in them."""

from __future__ import annotations

from typing import Any

SEPARATOR = "\n---\n"
BUDGET_BYTES = 64 * 1024
DEEPEST = 100

_INLINE = frozenset({"text", "hardBreak", "mention", "emoji", "inlineCard", "date", "status"})


def plain(text: object) -> str:
    """Blocks become lines. What is neither string nor document is no text."""
    if isinstance(text, str):
        return text
    lines: list[str] = []
    _collect(text, lines, DEEPEST)
    return "\n".join(line for line in lines if line)


def joined(newest_first: list[str]) -> str:
    """Comments, oldest first, without the oldest that do not fit; only what they say is counted."""
    kept: list[str] = []
    left = BUDGET_BYTES
    for body in newest_first:
        left -= size(body)
        if left < 0:
            break
        kept.append(body)
    return SEPARATOR.join(reversed(kept))


def size(text: str) -> int:
    """Bytes."""
    return len(text.encode("utf-8", "replace"))


def _collect(node: object, lines: list[str], depth: int) -> None:
    """Inline nodes next to each other are one line, whatever holds them."""
    if not isinstance(node, dict) or depth < 0:
        return
    content = node.get("content")
    if not isinstance(content, list):
        if isinstance(node.get("type"), str) and (text := _inline(node)):
            lines.append(text)
        return
    line: list[str] = []
    for child in content:
        if isinstance(child, dict) and child.get("type") in _INLINE:
            line.append(_inline(child))
            continue
        lines.append("".join(line))
        line = []
        _collect(child, lines, depth - 1)
    lines.append("".join(line))


def _inline(node: dict[str, Any]) -> str:
    attributes = node.get("attrs")
    attributes = attributes if isinstance(attributes, dict) else {}
    if node.get("type") == "hardBreak":
        return "\n"
    for text in (node.get("text"), attributes.get("text"), attributes.get("url"), attributes.get("shortName")):
        if isinstance(text, str):
            return text
    return ""
