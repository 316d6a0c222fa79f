"""`kelos resume`: a TaskSpawner that was suspended goes on."""

from __future__ import annotations

import click

from kelos.cli.settings import Context, pass_settings
from kelos.cli.suspend import switch


@click.command("resume")
@click.argument("resource")
@click.argument("names", nargs=-1, metavar="NAME...")
@pass_settings
def command(settings: Context, resource: str, names: tuple[str, ...]) -> None:
    """Let each RESOURCE (taskspawner) called NAME create Tasks again, at once where there is something to do."""
    switch(settings, resource, names, is_suspended=False)
