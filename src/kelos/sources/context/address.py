"""Whose choice an address is: what the template writes out, no item's text can change.

An address is `https://` and an authority, up to the first slash. Templates may have actions in it; where literal text
ends the domain, an action gives labels before it, and where it does not, the host is the item's choice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx

from kelos.errors import UserError

LONGEST = 16 * 1024

_ACTION = r'\{\{(?:"(?:\\.|[^"\\\n])*"|`[^`]*`|[^"`}]|\}(?!\}))*\}\}'
_PIECES = re.compile(f"({_ACTION})", re.DOTALL)
_CONTROL = re.compile(r"\{\{-?\s*(?:if|else|end|range|with|define|template|block|break|continue)\b")
_SCHEME = re.compile(r"\s*(https?)://", re.IGNORECASE)
_AUTHORITY_END = re.compile(r"[/?#]")
_PORT = re.compile(r":[0-9]*$")
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x20\x7f]")
_UPWARDS = re.compile(r"(?:^|/)(?:\.|%2e){2}(?:/|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """`is_open` says that an item could have chosen another host: no credentials go there."""

    url: str
    host: str
    is_open: bool


def check_address(template: str, rendered: str, *, allow_insecure: bool) -> Address:
    """Raises UserError for an address that must not be asked; the text shows none of what an item put in."""
    text = rendered.strip()
    if len(text) > LONGEST or _CONTROL_CHARACTERS.search(text.replace(" ", "")):
        raise UserError("the address is too long or has line breaks; put values into it with {{… | urlquery}}")
    scheme = _SCHEME.match(text)
    if scheme is None or (scheme[1].lower() == "http" and not allow_insecure):
        raise UserError("the address must begin with https://" + (" or http://" if allow_insecure else ""))
    authority = _AUTHORITY_END.split(text[scheme.end() :], maxsplit=1)[0]
    shape = _shape(template)
    if shape is not None and not shape.fullmatch(authority):
        raise UserError("what the item put into the address changes its host; use {{… | urlquery}}")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise UserError("the address is none; put values into it with {{… | urlquery}}") from None
    if url.userinfo or "\\" in authority or "@" in authority:
        raise UserError("the address must not hold credentials; send them as headers")
    if not url.host or url.netloc.decode().lower() not in (authority.lower(), _PORT.sub("", authority.lower())):
        raise UserError("the address names no plain host")
    path = text[scheme.end() + len(authority) :]
    if _UPWARDS.search(re.split("[?#]", path, maxsplit=1)[0]) and ".." not in template:
        raise UserError("what the item put into the address leads upwards (..); use {{… | urlquery}}")
    return Address(url=text, host=url.host, is_open=shape is None)


def _shape(template: str) -> re.Pattern[str] | None:
    """What the authority may be; None when the template leaves the host to the item."""
    pieces = _literals(template)
    if pieces is None:
        return None
    pattern = re.escape(pieces[0])
    for number, piece in enumerate(pieces[1:], start=1):
        gap = _gap("".join(pieces[:number]), _PORT.sub("", "".join(pieces[number:])))
        if gap is None:
            return None
        pattern += gap + re.escape(piece)
    return re.compile(pattern, re.IGNORECASE)


def _gap(before: str, after: str) -> str | None:
    """What an action may give between these literal parts of an authority."""
    if after.startswith(".") and len(after) > 1:
        return "[a-z0-9.-]*"
    if "." in after.strip("."):
        return "[a-z0-9-]*"
    if not before or before.endswith("."):
        return None
    return "[0-9]*" if ":" in before else ""


def _literals(template: str) -> list[str] | None:
    """The literal parts of the authority, between which actions stand; None when there is no telling."""
    scheme = _SCHEME.match(template)
    if scheme is None:
        return None
    pieces = [""]
    for piece in _PIECES.split(template[scheme.end() :]):
        if piece.startswith("{{"):
            if _CONTROL.match(piece) or not _PIECES.fullmatch(piece):
                return None
            pieces.append("")
            continue
        literal = piece.strip()
        end = _AUTHORITY_END.search(literal)
        pieces[-1] += literal[: end.start()] if end else literal
        if end:
            break
    return None if any("{{" in piece for piece in pieces) else pieces
