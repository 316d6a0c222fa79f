"""`kelos apply -f FILE`."""

from __future__ import annotations

import click

from kelos.api.kinds import TASK, Kind, Manifest
from kelos.api.names import FIELD_MANAGER
from kelos.cli.documents import kind_of, read_documents
from kelos.cli.settings import Context, pass_settings
from kelos.cluster.protocol import Cluster, PatchType
from kelos.errors import NotFound

MANAGER = FIELD_MANAGER.replace("controller", "cli")


@click.command("apply")
@click.option(
    "-f", "--filename", "files", multiple=True, required=True, metavar="FILE", help="YAML or JSON; - is stdin."
)
@click.option("--dry-run", is_flag=True, help="Let the server check everything and change nothing.")
@pass_settings
def command(settings: Context, files: tuple[str, ...], dry_run: bool) -> None:
    """Create or update what the files say. Everything is read before anything is sent."""
    documents = [(kind_of(d, file), d) for file in files for d in read_documents(file)]
    settings.run(_apply(settings, documents, dry_run))


async def _apply(settings: Context, documents: list[tuple[Kind, Manifest]], dry_run: bool) -> None:
    async with settings.cluster() as cluster:
        for kind, document in documents:
            verb = await apply_document(cluster, kind, document, settings.namespace, dry_run=dry_run)
            click.echo(f"{kind.kind.lower()}/{document['metadata']['name']} {verb}{' (dry run)' if dry_run else ''}")


async def apply_document(
    cluster: Cluster, kind: Kind, document: Manifest, namespace: str, *, dry_run: bool = False
) -> str:
    """Server-side apply; the word that says what happened."""
    meta = dict(document["metadata"])
    if kind.namespaced:
        meta.setdefault("namespace", namespace)
    where = meta.get("namespace") if kind.namespaced else None
    try:
        before = (await cluster.get(kind, where, meta["name"]))["metadata"]["resourceVersion"]
    except NotFound:
        before = ""
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
    if not before:
        return "created"
    return "unchanged" if after["metadata"]["resourceVersion"] == before else "configured"
