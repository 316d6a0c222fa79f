"""`kelos get`."""

from __future__ import annotations

from datetime import datetime, timezone

import click

from kelos.api.kinds import Manifest
from kelos.cli.detail import describe
from kelos.cli.kinds import Resource, find_resource
from kelos.cli.output import output_option, rendered, table
from kelos.cli.settings import Context, pass_settings
from kelos.errors import UserError


@click.command("get")
@click.argument("resource")
@click.argument("name", required=False)
@output_option
@click.option("-d", "--detail", is_flag=True, help="Show one resource for reading.")
@click.option("-A", "--all-namespaces", is_flag=True, help="List the resources of all namespaces.")
@click.option("--phase", multiple=True, metavar="PHASE", help="Only Tasks in this phase (repeatable, or a,b).")
@pass_settings
def command(
    settings: Context,
    resource: str,
    name: str | None,
    output: str | None,
    detail: bool,
    all_namespaces: bool,
    phase: tuple[str, ...],
) -> None:
    """List RESOURCE (task, workspace, agentconfig), or look at the one called NAME."""
    found = find_resource(resource)
    if name and all_namespaces:
        raise UserError("A name and --all-namespaces exclude each other; use -n with the name")
    manifests = settings.run(_read(settings, found, name, all_namespaces))
    phases = {p.lower() for item in phase for p in item.split(",") if p}
    if phases:
        manifests = [m for m in manifests if str((m.get("status") or {}).get("phase", "")).lower() in phases]
    now = datetime.now(timezone.utc)
    if output:
        text = rendered(
            manifests, output, is_list=name is None, kind=found.kind.kind, api_version=found.kind.api_version
        )
    elif detail:
        text = "\n".join(describe(manifest, now) for manifest in manifests)
    else:
        text = _table(found, manifests, now, with_namespace=all_namespaces)
    click.echo(text, nl=False)
    if not manifests and not output:
        where = "any namespace" if all_namespaces else f"namespace '{settings.namespace}'"
        click.echo(f"No {found.words[1]} found in {where}", err=True)


async def _read(settings: Context, resource: Resource, name: str | None, everywhere: bool) -> list[Manifest]:
    async with settings.cluster() as cluster:
        if name:
            return [await cluster.get(resource.kind, settings.namespace, name)]
        found: list[Manifest] = []
        more = ""
        while True:
            page = await cluster.list(resource.kind, None if everywhere else settings.namespace, more=more)
            found += page.items
            if not (more := page.more):
                return found


def _table(resource: Resource, manifests: list[Manifest], now: datetime, *, with_namespace: bool) -> str:
    if not manifests:
        return ""
    rows = []
    for manifest in manifests:
        row = [str(value) if value is not None else "" for value in resource.row(manifest, now)]
        rows.append([manifest["metadata"].get("namespace", ""), *row] if with_namespace else row)
    header = ("NAMESPACE", *resource.header) if with_namespace else resource.header
    return table(header, rows)
