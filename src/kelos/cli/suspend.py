"""`kelos suspend`: a TaskSpawner creates nothing until it is resumed."""

from __future__ import annotations

import click

from kelos.api.kinds import TASK, TASK_SPAWNER
from kelos.cli.objects import each_named
from kelos.cli.settings import Context, pass_settings
from kelos.cli.targets import find_targets
from kelos.errors import UserError


@click.command("suspend")
@click.argument("resource")
@click.argument("names", nargs=-1, metavar="NAME...")
@pass_settings
def command(settings: Context, resource: str, names: tuple[str, ...]) -> None:
    """Let each RESOURCE (taskspawner) called NAME create nothing. Its Tasks that run go on."""
    switch(settings, resource, names, is_suspended=True)


def switch(settings: Context, resource: str, names: tuple[str, ...], *, is_suspended: bool) -> None:
    """Say so in the spec. Raises UserError for what cannot be suspended."""
    found, names = find_targets(resource, names)
    if found.kind != TASK_SPAWNER:
        hint = "; 'kelos cancel' stops a Task" if found.kind == TASK else ""
        raise UserError(f"A {found.words[0]} cannot be suspended or resumed, only a taskspawner can{hint}")
    if not names:
        raise click.UsageError("Missing argument 'NAME'; name the taskspawner.")
    settings.run(_switch(settings, names, is_suspended))


async def _switch(settings: Context, names: tuple[str, ...], is_suspended: bool) -> None:
    word = "suspended" if is_suspended else "resumed"
    was = "is already suspended" if is_suspended else "is not suspended"
    async with settings.cluster() as cluster:
        async for spawner in each_named(cluster, TASK_SPAWNER, settings.namespace, names):
            name, is_changed = spawner["metadata"]["name"], bool(spawner["spec"].get("suspend")) != is_suspended
            if is_changed:
                await cluster.patch(TASK_SPAWNER, settings.namespace, name, {"spec": {"suspend": is_suspended}})
            click.echo(f"taskspawner/{name} {word if is_changed else was}")
            if is_changed and is_suspended:
                resume = f"kelos resume taskspawner {name}"
                click.echo(f"Its Tasks that run go on; '{resume}' lets it create again", err=True)
