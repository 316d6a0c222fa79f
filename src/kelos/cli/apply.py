"""`kelos apply -f FILE`."""

from __future__ import annotations

import click

from kelos.api.kinds import TASK, TASK_SPAWNER, Kind, Manifest
from kelos.api.names import FIELD_MANAGER
from kelos.cli.documents import kind_of, read_documents
from kelos.cli.objects import refused_write
from kelos.cli.settings import Context, pass_settings
from kelos.cluster.protocol import Cluster, PatchType
from kelos.errors import ClusterError, NotFound, UserError

MANAGER = FIELD_MANAGER.replace("controller", "cli")


@click.command("apply")
@click.option(
    "-f", "--filename", "files", multiple=True, required=True, metavar="FILE", help="YAML or JSON; - is stdin."
)
@click.option("--dry-run", is_flag=True, help="Let the server check everything and change nothing.")
@pass_settings
def command(settings: Context, files: tuple[str, ...], dry_run: bool) -> None:
    """Create or update what the files say. Everything is read before anything is sent."""
    documents = [(file, kind_of(d, file), d) for file in files for d in read_documents(file)]
    settings.run(_apply(settings, documents, dry_run))


async def _apply(settings: Context, documents: list[tuple[str, Kind, Manifest]], dry_run: bool) -> None:
    async with settings.cluster() as cluster:
        for file, kind, document in documents:
            try:
                verb, stored = await apply_document(cluster, kind, document, settings.namespace, dry_run=dry_run)
            except ClusterError as error:
                raise error.at(f"{kind} '{document['metadata']['name']}' in '{file}'") from None
            name = f"{kind.kind.lower()}/{document['metadata']['name']}"
            click.echo(f"{name} {verb}{' (dry run)' if dry_run else ''}")
            for mistake in _mistakes(kind, stored):
                click.echo(f"Warning: {name} creates nothing until this is mended: {mistake}", err=True)


def _mistakes(kind: Kind, stored: Manifest) -> tuple[str, ...]:
    """What a server cannot see and the controller will tell a moment later, when nobody looks any more."""
    if kind.kind != TASK_SPAWNER.kind:
        return ()
    from kelos.api.codec import parse_task_spawner
    from kelos.spawning.validity import check_task_spawner

    try:
        return check_task_spawner(parse_task_spawner(stored))
    except UserError as mistake:
        return (str(mistake),)


async def apply_document(
    cluster: Cluster, kind: Kind, document: Manifest, namespace: str, *, dry_run: bool = False
) -> tuple[str, Manifest]:
    """Server-side apply; the word that says what happened, and what the server has now."""
    meta = dict(document["metadata"])
    if kind.namespaced:
        meta.setdefault("namespace", namespace)
    where = meta.get("namespace") if kind.namespaced else None
    try:
        before = (await cluster.get(kind, where, meta["name"]))["metadata"]["resourceVersion"]
    except NotFound:
        before = ""
    try:
        after = await cluster.patch(
            kind,
            where,
            meta["name"],
            {**document, "metadata": meta},
            type=PatchType.APPLY,
            field_manager=MANAGER,
            force=kind.kind != TASK.kind,
            dry_run=dry_run,
        )
    except NotFound as error:
        raise await refused_write(cluster, kind, where, error) from None
    if not before:
        return "created", after
    return "unchanged" if after["metadata"]["resourceVersion"] == before else "configured", after
