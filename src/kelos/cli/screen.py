"""A person's terminal: stdout is the answer, stderr the talk."""

from __future__ import annotations

import click


class Terminal:
    def out(self, text: str) -> None:
        click.echo(text, nl=False)

    def err(self, text: str) -> None:
        click.echo(text, nl=False, err=True)
