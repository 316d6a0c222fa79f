"""`kelos up`: a cluster on this machine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from kelos.api.kinds import Manifest
from kelos.cli.kubeconfig_file import KubeconfigFile
from kelos.cli.screen import own_command
from kelos.cli.settings import Context, pass_settings

FOLDER = "~/.kelos/local"
READY = """\
A cluster runs on this machine, for you alone. Ctrl-C ends it and everything in it.
In another terminal:

  export KUBECONFIG={path}
  {kelos} run --type demo -p 'say hello' --wait
  {kelos} get tasks

kubectl 1.29 or newer works with it too.
"""


@click.command("up")
@click.option("--data", metavar="FILE", help="Keep the cluster's objects in this file; without it they end with it.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on loopback (default: a free one).")
@click.option("--pods", type=click.IntRange(1), help="Pods at once (default: one per core).")
@click.option(
    "--containers",
    type=click.Choice(["auto", "docker", "podman", "none"]),
    default="auto",
    show_default=True,
    help="Run pods in containers. auto: only what no program of this machine can run.",
)
@click.option(
    "--ephemeral", is_flag=True, help="For programs: print a JSON kubeconfig, end when standard input is closed."
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
    help="What to write to stderr.",
)
@pass_settings
def command(
    settings: Context, data: str | None, port: int, pods: int | None, containers: str, ephemeral: bool, log_level: str
) -> None:
    """Run a cluster on this machine: API server, controller, and pods as processes or containers. No root needed."""
    from kelos.processes.plane import PlaneOptions, run_plane
    from kelos.processes.signals import until_signal, until_stdin_closes
    from kelos.telemetry.logs import configure_logs

    configure_logs(level=log_level, as_json=ephemeral)
    with KubeconfigFile(Path(FOLDER).expanduser()) as kubeconfig_file:

        def tell(kubeconfig: Manifest) -> None:
            path = kubeconfig_file.write(kubeconfig)
            click.echo(READY.format(path=path, kelos=own_command()))

        options = PlaneOptions(
            database=Path(data).expanduser() if data else None,
            port=port,
            pods_at_once=pods or os.cpu_count() or 1,
            containers=containers,
            ready=_print_for_programs if ephemeral else tell,
        )
        settings.run((until_stdin_closes if ephemeral else until_signal)(run_plane(options)))
    if not ephemeral:
        click.echo(f"The cluster has ended; its objects are kept in {data}" if data else "The cluster has ended")


def _print_for_programs(kubeconfig: Manifest) -> None:
    sys.stdout.write(json.dumps({"kubeconfig": kubeconfig}) + "\n")
    sys.stdout.flush()
