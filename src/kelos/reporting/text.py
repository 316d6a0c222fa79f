"""Texts of others inside our own: what a person, an agent or a tool wrote is shown, and does nothing."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

CUT = "…"

_BACKTICKS = re.compile("`+")
_TEMPLATE_START = re.compile(r"\{(?=[{%#])")
_TEMPLATE_END = re.compile(r"(?<=[}%#])\}")
_PULL = re.compile(r"(/[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100})/pull/([0-9]{1,10})/?")


def one_line(text: str, limit: int) -> str:
    """The text on one line of at most `limit` characters, without what cannot be seen and without template braces."""
    seen = "".join(c if c.isprintable() else " " for c in text[: limit * 8])
    plain = " ".join(seen.split())
    plain = _TEMPLATE_END.sub(" }", _TEMPLATE_START.sub("{ ", plain))
    return plain if len(plain) <= limit else plain[: limit - 1].rstrip() + CUT


def in_code(text: str, limit: int = 200) -> str:
    """A code span: in it nothing is a mention, a reference, a link, an image or HTML. Empty for an empty text."""
    plain = one_line(text, limit)
    if not plain:
        return ""
    fence = "`" * (max(map(len, _BACKTICKS.findall(plain)), default=0) + 1)
    pad = " " if "`" in (plain[0], plain[-1]) else ""
    return f"{fence}{pad}{plain}{pad}{fence}"


def link_to_pull(url: str, host: str, repositories: frozenset[str]) -> str:
    """A link when it leads to a pull request of these repositories (owner/repo, lower case) on that host; else code.

    Agents write such addresses: a link to anywhere else could lure people, or write into other people's threads.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return in_code(url)
    found = _PULL.fullmatch(parts.path)
    if parts.scheme not in ("https", "http") or found is None or parts.netloc.lower() != host or parts.query:
        return in_code(url)
    repository, number = found[1].strip("/"), found[2]
    if not host or parts.fragment or repository.lower() not in repositories:
        return in_code(url)
    return f"[#{number}]({parts.scheme}://{host}/{repository}/pull/{number})"
