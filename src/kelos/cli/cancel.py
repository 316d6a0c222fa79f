"""`kelos cancel`: stop a Task, keep what it has done."""

from __future__ import annotations

import getpass
import json
from datetime import datetime, timezone

import click

from kelos.api.kinds import TASK
from kelos.api.names import ANNOTATION_CANCEL
from kelos.cli.objects import get_named
from kelos.cli.settings import Context, pass_settings
from kelos.cluster.protocol import Cluster


@click.command("cancel")
@click.argument("name")
@click.option("--why", default="", metavar="TEXT", help="Reason shown in the Task's status.")
@pass_settings
def command(settings: Context, name: str, why: str) -> None:
    """Stop the Task called NAME. Its outputs and cost so far stay readable."""
    click.echo(settings.run(_cancel(settings, name, why)))


async def _cancel(settings: Context, name: str, why: str) -> str:
    async with settings.cluster() as cluster:
        task = await get_named(cluster, TASK, settings.namespace, name)
        if (phase := (task.get("status") or {}).get("phase")) in ("Succeeded", "Failed"):
            return f"task/{name} has already ended ({phase})"
        await request_cancel(cluster, settings.namespace, name, by=user_name(), why=why)
        return f"task/{name} is being cancelled"


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
