"""Which names git accepts for branches and tags."""

from __future__ import annotations

_FORBIDDEN = "~^:?*[\\"


def ref_mistake(name: str) -> str | None:
    """Why a text cannot be the name of a branch or tag, nor a safe argument of git; None when it can."""
    if not name or name == "@":
        return "must not be empty or '@'"
    if name.startswith("-"):
        return "must not start with '-'"
    if any(letter in _FORBIDDEN or letter <= " " or letter == "\x7f" for letter in name):
        return "must not contain spaces, control characters or any of ~ ^ : ? * [ \\"
    if ".." in name or "@{" in name:
        return "must not contain '..' or '@{'"
    if name.startswith("/") or name.endswith(("/", ".")) or "//" in name:
        return "must not start or end with '/', end with '.' or contain '//'"
    if any(part.startswith(".") or part.endswith(".lock") for part in name.split("/")):
        return "must not have a part that starts with '.' or ends with '.lock'"
    return None
