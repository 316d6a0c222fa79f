"""`kelos delete`."""

from __future__ import annotations

from contextlib import suppress

import click

from kelos.cli.kinds import Resource, find_resource
from kelos.cli.objects import get_named, list_all
from kelos.cli.screen import ask
from kelos.cli.settings import Context, pass_settings
from kelos.errors import NotFound, UserError


@click.command("delete")
@click.argument("resource")
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Delete all of them in the namespace.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_settings
def command(settings: Context, resource: str, name: str | None, everything: bool, yes: bool) -> None:
    """Delete the RESOURCE called NAME. A running Task's pod is stopped; its outputs are gone with the Task.

    A taskspawner takes all its Tasks along; to let them end first, suspend it and wait.
    """
    found = find_resource(resource)
    if bool(name) == everything:
        raise UserError("Give either a name or --all")
    if everything and not yes:
        ask(f"Delete all {found.words[1]} in namespace '{settings.namespace}'?")
    deleted = settings.run(_delete(settings, found, name))
    for each in deleted:
        click.echo(f"{found.words[0]}/{each} deleted")
    if not deleted:
        click.echo(f"No {found.words[1]} found in namespace '{settings.namespace}'", err=True)


async def _delete(settings: Context, resource: Resource, name: str | None) -> list[str]:
    async with settings.cluster() as cluster:
        if name:
            found = [await get_named(cluster, resource.kind, settings.namespace, name)]
        else:
            found = await list_all(cluster, resource.kind, settings.namespace)
        for manifest in found:
            meta = manifest["metadata"]
            with suppress(NotFound):  # gone in the meantime, as was wished
                await cluster.delete(resource.kind, settings.namespace, meta["name"], uid=meta["uid"])
        return [manifest["metadata"]["name"] for manifest in found]
