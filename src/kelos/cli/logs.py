"""`kelos logs`."""

from __future__ import annotations

import sys

import click

from kelos.api.kinds import TASK
from kelos.cli.following import LogView, follow, log_containers, newest_pod, summary
from kelos.cli.kinds import worker
from kelos.cli.screen import Terminal
from kelos.cli.settings import Context, pass_settings
from kelos.cluster.protocol import Cluster
from kelos.errors import Invalid, UserError


@click.command("logs")
@click.argument("name")
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Wait for the Task and stream until it ends.")
@click.option("--raw", is_flag=True, help="Print the agent's own lines instead of a readable form.")
@pass_settings
def command(settings: Context, name: str, is_followed: bool, raw: bool) -> None:
    """Show what the agent of the Task called NAME did."""
    if raw and is_followed:
        raise UserError("--raw shows what is there; leave out --follow")
    settings.run(_logs(settings, name, is_followed, raw))


async def _logs(settings: Context, name: str, is_followed: bool, raw: bool) -> None:
    async with settings.cluster() as cluster:
        screen = Terminal()
        if is_followed:
            task = await follow(
                cluster, settings.namespace, name, screen, with_logs=True, say=lambda line: screen.err(f"{line}\n")
            )
            screen.err(f"{summary(task)}\n")
            return
        await _show(cluster, settings.namespace, name, screen, raw)


async def _show(cluster: Cluster, namespace: str, name: str, screen: Terminal, raw: bool) -> None:
    task = await cluster.get(TASK, namespace, name)
    pod = await newest_pod(cluster, task)
    if pod is None:
        phase = (task.get("status") or {}).get("phase", "not started")
        raise UserError(f"Task '{name}' has no pod to read ({phase}); wait for one with --follow")
    for container in log_containers(pod):
        view = LogView(str(worker(task, "type") or ""), screen)
        try:
            async for chunk in cluster.logs(namespace, pod["metadata"]["name"], container=container):
                if raw:
                    sys.stdout.buffer.write(chunk)
                else:
                    view.feed(chunk)
        except Invalid:
            screen.err(f"Container '{container}' of Task '{name}' has not started yet\n")
        view.finish()
