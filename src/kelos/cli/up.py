"""`kelos up`: a cluster on this machine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from kelos.api.kinds import Manifest
from kelos.cli.settings import Context, pass_settings

READY = """\
A cluster runs on this machine, for you alone. Ctrl-C ends it and everything in it.

  export KUBECONFIG={path}
  kubectl get tasks
  kelos run --type demo --credential-type none -p 'say hello' --wait
"""


@click.command("up")
@click.option("--data", metavar="FILE", help="Keep the cluster's objects in this file; without it they end with it.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on loopback (default: a free one).")
@click.option("--pods", type=click.IntRange(1), help="Pods at once (default: one per core).")
@click.option(
    "--ephemeral", is_flag=True, help="For programs: print a JSON kubeconfig, end when standard input is closed."
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="warning")
@pass_settings
def command(settings: Context, data: str | None, port: int, pods: int | None, ephemeral: bool, log_level: str) -> None:
    """Run a cluster on this machine: API server, controller, and pods as processes. No Docker, no root."""
    from kelos.processes import PlaneOptions, run_plane, until_signal, until_stdin_closes
    from kelos.telemetry.logs import configure_logs

    configure_logs(level=log_level, as_json=ephemeral)
    options = PlaneOptions(
        database=Path(data).expanduser() if data and not ephemeral else None,
        port=port,
        pods_at_once=pods or os.cpu_count() or 1,
        ready=_print_for_programs if ephemeral else _print_for_people,
    )
    until = until_stdin_closes if ephemeral else until_signal
    settings.run(until(run_plane(options)))


def _print_for_programs(kubeconfig: Manifest) -> None:
    sys.stdout.write(json.dumps({"kubeconfig": kubeconfig}) + "\n")
    sys.stdout.flush()


def _print_for_people(kubeconfig: Manifest) -> None:
    path = Path("~/.kelos/local/kubeconfig").expanduser()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(kubeconfig, file)
    click.echo(READY.format(path=path))
