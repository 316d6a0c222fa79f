"""`kelos suspend`: a TaskSpawner creates nothing until it is resumed."""

from __future__ import annotations

import click

from kelos.api.kinds import TASK, TASK_SPAWNER
from kelos.cli.kinds import find_resource
from kelos.cli.objects import get_named
from kelos.cli.settings import Context, pass_settings
from kelos.errors import UserError


@click.command("suspend")
@click.argument("resource")
@click.argument("name")
@pass_settings
def command(settings: Context, resource: str, name: str) -> None:
    """Let the RESOURCE (taskspawner) called NAME create nothing. Its Tasks that run go on."""
    if switch(settings, resource, name, is_suspended=True):
        click.echo(f"Its Tasks that run go on; 'kelos resume taskspawner {name}' lets it create again", err=True)


def switch(settings: Context, resource: str, name: str, *, is_suspended: bool) -> bool:
    """Say so in the spec; False when it was already so. Raises UserError for what cannot be suspended."""
    found = find_resource(resource)
    if found.kind != TASK_SPAWNER:
        hint = "; 'kelos cancel' stops a Task" if found.kind == TASK else ""
        raise UserError(f"A {found.words[0]} cannot be suspended or resumed, only a taskspawner can{hint}")
    is_changed = settings.run(_switch(settings, name, is_suspended))
    word = "suspended" if is_suspended else "resumed"
    was = "is already suspended" if is_suspended else "is not suspended"
    click.echo(f"taskspawner/{name} {word if is_changed else was}")
    return is_changed


async def _switch(settings: Context, name: str, is_suspended: bool) -> bool:
    async with settings.cluster() as cluster:
        spawner = await get_named(cluster, TASK_SPAWNER, settings.namespace, name)
        if bool(spawner["spec"].get("suspend")) == is_suspended:
            return False
        await cluster.patch(TASK_SPAWNER, settings.namespace, name, {"spec": {"suspend": is_suspended}})
        return True
