"""`kelos delete`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

import click

from kelos.api.kinds import Manifest
from kelos.cli.kinds import Resource
from kelos.cli.objects import each_named, list_all
from kelos.cli.screen import ask
from kelos.cli.settings import Context, pass_settings
from kelos.cli.targets import find_targets
from kelos.cluster.protocol import Cluster
from kelos.errors import NotFound, UserError


@click.command("delete")
@click.argument("resource")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="Delete all of them in the namespace.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_settings
def command(settings: Context, resource: str, names: tuple[str, ...], everything: bool, yes: bool) -> None:
    """Delete the RESOURCE called NAME, or several. A running Task's pod is stopped; its outputs are gone with the Task.

    A taskspawner takes all its Tasks along; to let them end first, suspend it and wait.
    """
    found, names = find_targets(resource, names)
    if bool(names) == everything:
        raise UserError("Give either a name or --all")
    if everything and not yes:
        ask(f"Delete all {found.words[1]} in namespace '{settings.namespace}'?")
    if not settings.run(_delete(settings, found, names)):
        click.echo(f"No {found.words[1]} found in namespace '{settings.namespace}'", err=True)


async def _delete(settings: Context, resource: Resource, names: tuple[str, ...]) -> int:
    """How many there were."""
    count = 0
    async with settings.cluster() as cluster:
        async for manifest in _chosen(cluster, resource, settings.namespace, names):
            meta = manifest["metadata"]
            with suppress(NotFound):  # gone in the meantime, as was wished
                await cluster.delete(resource.kind, settings.namespace, meta["name"], uid=meta["uid"])
            click.echo(f"{resource.words[0]}/{meta['name']} deleted")
            count += 1
    return count


async def _chosen(
    cluster: Cluster, resource: Resource, namespace: str, names: tuple[str, ...]
) -> AsyncIterator[Manifest]:
    if names:
        async for manifest in each_named(cluster, resource.kind, namespace, names):
            yield manifest
        return
    for manifest in await list_all(cluster, resource.kind, namespace):
        yield manifest
