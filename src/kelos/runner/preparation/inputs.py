"""Files of the Workspace and plugins of the AgentConfigs, from the mounted inputs to where they are used."""

from __future__ import annotations

import os
from pathlib import Path

from kelos.api.names import INPUT_FILES, INPUT_PLUGINS
from kelos.api.reasons import Reason
from kelos.runner.failure import Failure
from kelos.runner.files import mounted_files, write_inside
from kelos.runner.git import git


def place_files(inputs_dir: str, checkout: str) -> int:
    """Write the Workspace's files into the checkout and tell git to ignore those it does not know."""
    root = Path(inputs_dir, INPUT_FILES)
    placed = []
    for relative, source in mounted_files(root) if root.is_dir() else ():
        try:
            write_inside(Path(checkout), relative, source.read_bytes())
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else error
            raise Failure(Reason.SETUP_FAILED, f"Workspace file '{relative}' cannot be written: {said}") from error
        placed.append(relative)
    if placed:
        _exclude(checkout, placed)
    return len(placed)


def place_plugins(inputs_dir: str, plugin_dir: str) -> int:
    """Copy plugins to where the agent reads them."""
    root = Path(inputs_dir, INPUT_PLUGINS)
    placed = 0
    for relative, source in mounted_files(root) if root.is_dir() else ():
        try:
            Path(plugin_dir).mkdir(parents=True, exist_ok=True)
            write_inside(Path(plugin_dir), relative, source.read_bytes())
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else error
            raise Failure(Reason.SETUP_FAILED, f"Plugin file '{relative}' cannot be written: {said}") from error
        placed += 1
    return placed


def _exclude(checkout: str, paths: list[str]) -> None:
    """Commits of the agent must not pick these files up; those that git tracks already cannot be hidden."""
    found = git("rev-parse", "--git-path", "info/exclude", cwd=checkout, seconds=30)
    if not found.is_good:
        return
    path = Path(checkout, found.out.strip())
    known = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
    path.parent.mkdir(parents=True, exist_ok=True)
    added = [line for line in map(_pattern, paths) if line not in known]
    path.write_text("\n".join([*known, *added]) + "\n", "utf-8", "surrogateescape")


def _pattern(path: str) -> str:
    """A gitignore line for exactly this path."""
    escaped = "".join(f"\\{letter}" if letter in "\\*?[]!# " else letter for letter in path)
    return "/" + escaped.replace(os.linesep, "")
