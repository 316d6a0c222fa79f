"""Which commit the workspace holds: a stranger's checkout must not bring the prompt."""

from __future__ import annotations

import re
from pathlib import Path

from kelos.action.inputs import ActionInputs
from kelos.errors import UserError

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def check_origin(inputs: ActionInputs, folder: Path, commit: str) -> None:
    """Under pull_request_target, files that steer the agent come from the base: `commit`, the workflow's own."""
    files = {"prompt-file": inputs.prompt_file, "task-file": inputs.task_file}
    names = [name for name, path in files.items() if path]
    if names and (not commit or head_commit(folder) != commit):
        raise UserError(
            f"The {names[0]} would come from a checkout that is not the workflow's own commit, which under "
            "pull_request_target may be a stranger's: check out the base, or give the text as input `prompt`"
        )


def head_commit(folder: Path) -> str:
    """The commit that is checked out, empty when that cannot be told from git's plain files."""
    git = folder / ".git"
    head = _first_line(git / "HEAD")
    if not head.startswith("ref: "):
        return head if _COMMIT.fullmatch(head) else ""
    ref = head.removeprefix("ref: ")
    if not ref.startswith("refs/") or ".." in ref:
        return ""
    loose = _first_line(git / ref)
    return loose if _COMMIT.fullmatch(loose) else _packed(git, ref)


def _packed(git: Path, ref: str) -> str:
    try:
        lines = (git / "packed-refs").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = (line.split(" ", 1) for line in lines if line.endswith(f" {ref}"))
    return next((commit for commit, name in found if name == ref and _COMMIT.fullmatch(commit)), "")


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(4096).strip()
    except OSError:
        return ""
