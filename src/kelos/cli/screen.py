"""A person's terminal: stdout is the answer, stderr the talk."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from kelos.errors import UserError


class Terminal:
    def out(self, text: str) -> None:
        click.echo(text, nl=False)

    def err(self, text: str) -> None:
        click.echo(text, nl=False, err=True)


def ask(question: str) -> None:
    """Go on after a yes. Without a terminal nobody can be asked: raises UserError."""
    if not sys.stdin.isatty():
        raise UserError(f"{question} Nobody can be asked here; say so with --yes")
    click.confirm(question, abort=True, err=True)


def own_command() -> str:
    """What to type to call this program again: its name when the PATH knows it, else a path."""
    script = Path(sys.executable).with_name("kelos")
    found = shutil.which("kelos")
    if found is not None and (not script.exists() or os.path.samefile(found, script)):
        return "kelos"
    if not script.exists():
        return f"{sys.executable} -m kelos"
    near = os.path.relpath(script)
    return str(script) if near.startswith("..") else near
