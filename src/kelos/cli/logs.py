"""`kelos logs`."""

from __future__ import annotations

import asyncio
import sys

import click

from kelos.api.kinds import TASK, Manifest
from kelos.cli.following import advice, exit_code, follow, is_over, phase_line, summary
from kelos.cli.kinds import find_resource, worker
from kelos.cli.objects import get_named
from kelos.cli.screen import Terminal
from kelos.cli.settings import Context, pass_settings
from kelos.cli.streaming import LogView, log_containers, newest_pod
from kelos.cli.targets import names_of
from kelos.cluster.protocol import Cluster
from kelos.errors import Invalid, NotFound, UserError


@click.command("logs")
@click.argument("name")
@click.option(
    "-f",
    "--follow",
    "is_followed",
    is_flag=True,
    help="Wait and stream until the Task ends; exit 1 when it fails.",
)
@click.option("--raw", is_flag=True, help="Print the agent's own lines instead of a readable form.")
@pass_settings
def command(settings: Context, name: str, is_followed: bool, raw: bool) -> int:
    """Show what the agent of the Task called NAME did."""
    if raw and is_followed:
        raise UserError("--raw shows what is there; leave out --follow")
    (name,) = names_of(find_resource("task"), (name,))
    return settings.run(_logs(settings, name, is_followed, raw))


async def _logs(settings: Context, name: str, is_followed: bool, raw: bool) -> int:
    async with settings.cluster() as cluster:
        screen = Terminal()
        if not is_followed:
            return await _show(cluster, settings.namespace, name, screen, raw)
        try:
            task = await follow(
                cluster, settings.namespace, name, screen, with_logs=True, say=lambda line: screen.err(f"{line}\n")
            )
        except asyncio.CancelledError:
            screen.err(f"No longer watching; task/{name} goes on\n")
            raise
        if text := summary(task):
            screen.err(f"{text}\n")
        return exit_code(task)


async def _show(cluster: Cluster, namespace: str, name: str, screen: Terminal, raw: bool) -> int:
    task = await get_named(cluster, TASK, namespace, name)
    pod = await newest_pod(cluster, task)
    if pod is None:
        raise UserError(_no_pod(task))
    for container in log_containers(pod):
        view = LogView(str(worker(task, "type") or ""), screen, container=container)
        try:
            async for chunk in cluster.logs(namespace, pod["metadata"]["name"], container=container):
                if raw:
                    sys.stdout.buffer.write(chunk)
                else:
                    view.feed(chunk)
        except Invalid:
            if not is_over(task):
                screen.err(f"Container '{container}' of Task '{name}' has not started yet; wait for it with --follow\n")
        except NotFound:
            raise UserError(f"Pod '{pod['metadata']['name']}' of Task '{name}' and its log are gone") from None
        view.finish()
    if (task.get("status") or {}).get("phase") == "Failed":
        screen.err("\n".join(filter(None, [phase_line(task), advice(task)])) + "\n")
    return 0


def _no_pod(task: Manifest) -> str:
    name = task["metadata"]["name"]
    if is_over(task):
        return f"There is no log: {phase_line(task)}, and its pod is gone or never was; try 'kelos get task {name} -d'"
    standing = phase_line(task) if (task.get("status") or {}).get("phase") else f"task/{name} is new"
    return f"There is no log yet: {standing}; wait for it with --follow"
