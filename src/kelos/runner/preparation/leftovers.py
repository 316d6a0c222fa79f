"""What an earlier Task left on the volume of a persistent Workspace, beside the checkout and in place of it."""

from __future__ import annotations

from pathlib import Path

from kelos.api.repository import parse_repository
from kelos.errors import UserError
from kelos.runner.files import remove, write_private

OF_THE_FILE_SYSTEM = "lost+found"
MARK = "kelos-repository"


def tidy(volume: Path, checkout: Path, repo: str) -> None:
    """Keep nothing but the checkout: settings of `gh`, or instructions beside it, would be those of an earlier agent.

    A checkout that is none any more, a link or a folder without git's own, is made anew, and so is one of another
    repository.
    """
    for entry in sorted(volume.iterdir()) if volume.is_dir() else ():
        if entry != checkout and entry not in checkout.parents and entry.name != OF_THE_FILE_SYSTEM:
            remove(entry)
    inside = checkout / ".git"
    is_none = checkout.is_symlink() or (checkout.exists() and (inside.is_symlink() or not inside.is_dir()))
    if is_none or _marked(inside) not in ("", _identity(repo)):
        remove(checkout)


def mark(checkout: Path, repo: str) -> None:
    """Write down which repository the checkout is of; its origin is the agent's to change."""
    write_private(checkout / ".git" / MARK, _identity(repo).encode())


def _marked(inside: Path) -> str:
    path = inside / MARK
    return path.read_text("utf-8", "replace") if path.is_file() and not path.is_symlink() else ""


def _identity(repo: str) -> str:
    try:
        return parse_repository(repo).identity
    except UserError:
        return ""
