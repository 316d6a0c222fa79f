"""`kelos get`."""

from __future__ import annotations

from datetime import datetime, timezone

import click

from kelos.api.kinds import TASK, Manifest
from kelos.api.reasons import Phase
from kelos.cli.detail import describe
from kelos.cli.kinds import Resource
from kelos.cli.objects import each_named, list_all
from kelos.cli.output import WIDE, output_option, rendered, table
from kelos.cli.settings import Context, pass_settings
from kelos.cli.targets import find_targets
from kelos.errors import NotFound, UserError


@click.command("get")
@click.argument("resource")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@output_option
@click.option("-d", "--detail", is_flag=True, help="Show one resource for reading.")
@click.option("-A", "--all-namespaces", is_flag=True, help="List the resources of all namespaces.")
@click.option("--phase", multiple=True, metavar="PHASE", help="Only Tasks in this phase (repeatable, or a,b).")
@pass_settings
def command(
    settings: Context,
    resource: str,
    names: tuple[str, ...],
    output: str | None,
    detail: bool,
    all_namespaces: bool,
    phase: tuple[str, ...],
) -> None:
    """List RESOURCE (task, taskspawner, workspace, agentconfig, taskrecord), or look at those called NAME."""
    found, names = find_targets(resource, names)
    is_wide, output = output == WIDE, None if output == WIDE else output
    if names and all_namespaces:
        raise UserError("A name and --all-namespaces exclude each other; use -n with the name")
    phases = _wanted_phases(found, phase)
    manifests, missing = settings.run(_read(settings, found, names, all_namespaces))
    if phases:
        manifests = [m for m in manifests if (m.get("status") or {}).get("phase") in phases]
    if found.order is not None:
        manifests.sort(key=found.order)
    now = datetime.now(timezone.utc)
    if output:
        text = rendered(
            manifests, output, is_list=len(names) != 1, kind=found.kind.kind, api_version=found.kind.api_version
        )
    elif detail:
        text = "\n".join(describe(manifest, now) for manifest in manifests)
    else:
        text = _table(found, manifests, now, with_namespace=all_namespaces, is_wide=is_wide)
    click.echo(text, nl=False)
    if missing is not None:
        raise missing
    if not manifests and not output:
        where = "any namespace" if all_namespaces else f"namespace '{settings.namespace}'"
        click.echo(f"No {found.words[1]} found in {where}", err=True)
    elif found.total is not None and not (output or detail or names):
        click.echo(found.total(manifests), err=True)


async def _read(
    settings: Context, resource: Resource, names: tuple[str, ...], everywhere: bool
) -> tuple[list[Manifest], NotFound | None]:
    """What is there, and the sentence about names behind which nothing is. Raises NotFound when that is all of them."""
    found: list[Manifest] = []
    async with settings.cluster() as cluster:
        if not names:
            found = await list_all(cluster, resource.kind, None if everywhere else settings.namespace)
            return [_without_bookkeeping(manifest) for manifest in found], None
        try:
            async for manifest in each_named(cluster, resource.kind, settings.namespace, names):
                found.append(_without_bookkeeping(manifest))
        except NotFound as error:
            if not found:
                raise
            return found, error
    return found, None


def _wanted_phases(resource: Resource, words: tuple[str, ...]) -> frozenset[str]:
    """Raises UserError for a phase that no Task can have."""
    phases = frozenset(phase.strip().capitalize() for word in words for phase in word.split(",") if phase.strip())
    if phases and resource.kind != TASK:
        raise UserError(f"--phase is about Tasks; leave it out for {resource.words[1]}")
    known = [phase.value for phase in Phase]
    if unknown := sorted(phases.difference(known)):
        raise UserError(f"--phase '{unknown[0]}' is no phase; use {', '.join(known)}")
    return phases


def _without_bookkeeping(manifest: Manifest) -> Manifest:
    """As people wrote it: which tool owns which field is for tools, and `kubectl get --show-managed-fields` tells."""
    return {**manifest, "metadata": {k: v for k, v in manifest["metadata"].items() if k != "managedFields"}}


def _table(resource: Resource, manifests: list[Manifest], now: datetime, *, with_namespace: bool, is_wide: bool) -> str:
    if not manifests:
        return ""
    header = (*resource.header, *(resource.more if is_wide else ()))
    rows = []
    for manifest in manifests:
        row = [str(value) if value is not None else "" for value in resource.row(manifest, now)][: len(header)]
        rows.append([manifest["metadata"].get("namespace", ""), *row] if with_namespace else row)
    return table(("NAMESPACE", *header) if with_namespace else header, rows)
