"""`kelos cancel`: stop a Task, keep what it has done."""

from __future__ import annotations

import getpass
import json
from datetime import datetime, timezone

import click

from kelos.api.kinds import TASK
from kelos.api.names import ANNOTATION_CANCEL
from kelos.cli.kinds import find_resource
from kelos.cli.objects import each_named
from kelos.cli.settings import Context, pass_settings
from kelos.cli.targets import names_of
from kelos.cluster.protocol import Cluster


@click.command("cancel")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--why", default="", metavar="TEXT", help="Reason shown in the Task's status.")
@pass_settings
def command(settings: Context, names: tuple[str, ...], why: str) -> None:
    """Stop the Tasks called NAME. Their outputs and cost so far stay readable."""
    settings.run(_cancel(settings, names_of(find_resource("task"), names), why))


async def _cancel(settings: Context, names: tuple[str, ...], why: str) -> None:
    async with settings.cluster() as cluster:
        async for task in each_named(cluster, TASK, settings.namespace, names):
            name, phase = task["metadata"]["name"], (task.get("status") or {}).get("phase")
            if phase in ("Succeeded", "Failed"):
                click.echo(f"task/{name} has already ended ({phase})")
                continue
            await request_cancel(cluster, settings.namespace, name, by=user_name(), why=why)
            click.echo(f"task/{name} is being cancelled")


async def request_cancel(cluster: Cluster, namespace: str, name: str, *, by: str, why: str) -> None:
    """Write the annotation that the controller acts on."""
    at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    value = json.dumps({"by": by, "at": at, "why": why})
    await cluster.patch(TASK, namespace, name, {"metadata": {"annotations": {ANNOTATION_CANCEL: value}}})


def user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
