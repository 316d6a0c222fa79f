"""`kelos delete`."""

from __future__ import annotations

import click

from kelos.cli.kinds import Resource, find_resource
from kelos.cli.settings import Context, pass_settings
from kelos.errors import UserError


@click.command("delete")
@click.argument("resource")
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Delete all of them in the namespace.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_settings
def command(settings: Context, resource: str, name: str | None, everything: bool, yes: bool) -> None:
    """Delete the RESOURCE called NAME. A running Task's pod is stopped; its outputs are gone with the Task."""
    found = find_resource(resource)
    if bool(name) == everything:
        raise UserError("Give either a name or --all")
    if everything and not yes:
        question = f"Delete all {found.words[1]} in namespace '{settings.namespace}'?"
        click.confirm(question, abort=True, err=True)
    for deleted in settings.run(_delete(settings, found, name)):
        click.echo(f"{found.words[0]}/{deleted} deleted")


async def _delete(settings: Context, resource: Resource, name: str | None) -> list[str]:
    async with settings.cluster() as cluster:
        if name:
            found = [await cluster.get(resource.kind, settings.namespace, name)]
        else:
            found = list((await cluster.list(resource.kind, settings.namespace)).items)
        for manifest in found:
            meta = manifest["metadata"]
            await cluster.delete(resource.kind, settings.namespace, meta["name"], uid=meta["uid"])
        return [manifest["metadata"]["name"] for manifest in found]
