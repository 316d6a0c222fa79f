"""The command `kelos`: global flags, lazily loaded commands, and one place where errors become words and exit codes.

Exit codes: 0 done, 1 the run failed, 2 you can fix the call, 3 the cluster refused, 130 interrupted.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from kelos.cli.settings import Context
from kelos.errors import ClusterError, KelosError, UserError

COMMANDS = {
    "run": "create a Task and, with --wait, follow it to its end",
    "get": "list resources, or look at one",
    "logs": "read what the agent did",
    "cancel": "stop a Task and keep its outputs",
    "delete": "delete resources",
    "apply": "create or update what a file says",
    "init": "write ~/.kelos/config.yaml",
    "up": "run a cluster on this machine",
    "serve": "run a part of the system in the cluster",
    "version": "print the version",
}


class LazyGroup(click.Group):
    """Commands are imported when they are called: `kelos --help` talks to nobody and loads nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"kelos.cli.{cmd_name}"), "command")  # noqa: B009 - one name per module
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", metavar="FILE", help="Config file (default ~/.kelos/config.yaml).")
@click.option("--kubeconfig", metavar="FILE", help="Kubeconfig (default $KUBECONFIG, then ~/.kube/config).")
@click.option("--context", "kube_context", metavar="NAME", help="Context of the kubeconfig.")
@click.option("-n", "--namespace", metavar="NAME", help="Namespace (default from config, then the context).")
@click.pass_context
def cli(
    ctx: click.Context, config: str | None, kubeconfig: str | None, kube_context: str | None, namespace: str | None
) -> None:
    """Run autonomous coding agents: in a Kubernetes cluster, or on this machine."""
    ctx.obj = Context(config_path=config, kubeconfig=kubeconfig, kube_context=kube_context, namespace_flag=namespace)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    try:
        code = cli.main(arguments, prog_name="kelos", standalone_mode=False)
    except click.exceptions.Abort:
        _say("Interrupted")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except UserError as error:
        _say(str(error))
        sys.exit(2)
    except (ClusterError, KelosError) as error:
        _say(str(error))
        sys.exit(3)
    sys.exit(code if isinstance(code, int) else 0)


def _say(text: str) -> None:
    print(f"Error: {text}", file=sys.stderr)
