"""The command `kelos`: global flags, lazily loaded commands, and one place where errors become words and exit codes.

Exit codes: 0 done, 1 the run failed, 2 you can fix the call, 3 the cluster refused, 130 interrupted.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from kelos.cli.settings import Context, global_options
from kelos.errors import ClusterError, Conflict, Forbidden, KelosError, TooManyRequests, Unauthorized, UserError

COMMANDS = {
    "run": "create a Task and, with --wait, follow it to its end",
    "get": "list resources, or look at one",
    "logs": "read what the agent did",
    "cancel": "stop a Task and keep its outputs",
    "suspend": "let a TaskSpawner create nothing",
    "resume": "let a TaskSpawner go on",
    "delete": "delete resources",
    "apply": "create or update what a file says",
    "init": "write ~/.kelos/config.yaml",
    "up": "run a cluster on this machine",
    "serve": "run a part of the system in the cluster",
    "version": "print the version",
}
REMEDIES: dict[type[ClusterError], str] = {
    Unauthorized: "; renew the credentials of the kubeconfig",
    Forbidden: "; ask whoever runs the cluster for that right",
    TooManyRequests: "; try again in a minute",
    Conflict: "; somebody else changed it, try again",
}
ELSEWHERE = {
    "describe": "'kelos get RESOURCE NAME --detail' shows one for reading",
    "create": "'kelos run' creates a Task, 'kelos apply -f FILE' what a file says",
    "stop": "'kelos cancel NAME' stops a Task",
    "log": "'kelos logs NAME' shows what the agent did",
}
"""Words that people know from kubectl and its like, and what does it here."""
POLICY = "denied request:"
GLOBAL_FLAGS = "Every command also takes --config, --kubeconfig, --context and -n/--namespace; see 'kelos --help'."


class LazyGroup(click.Group):
    """Commands are imported when they are called: `kelos --help` talks to nobody and loads nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"kelos.cli.{cmd_name}"), "command")  # noqa: B009 - one name per module
        assert isinstance(command, click.Command)
        _take_global_flags(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in ELSEWHERE:
            ctx.fail(f"No such command '{args[0]}'; {ELSEWHERE[args[0]]}.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _take_global_flags(command: click.Command) -> None:
    """`kelos get tasks -n x` means `kelos -n x get tasks`: people write it behind the command."""
    if command.epilog is None:
        command.params += global_options(hidden=True)
        command.epilog = GLOBAL_FLAGS
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        _take_global_flags(inner)


def _print_version(ctx: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from kelos.cli.version import command

        ctx.invoke(command)
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, hidden=True)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Run autonomous coding agents: in a Kubernetes cluster, or on this machine."""
    ctx.ensure_object(Context)


cli.params[:0] = global_options()


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    try:
        code = cli.main(arguments, prog_name="kelos", standalone_mode=False)
    except click.exceptions.Abort:
        _say("Error: Interrupted")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except UserError as error:
        _say(f"Error: {error}")
        sys.exit(2)
    except ClusterError as error:
        _say(cluster_words(error))
        sys.exit(3)
    except KelosError as error:
        _say(f"Error: {error}")
        sys.exit(3)
    sys.exit(code if isinstance(code, int) else 0)


def cluster_words(error: ClusterError) -> str:
    """What the server said, marked as its words, and what to try."""
    is_from_server = bool(error.status) and bool(error.reason)
    head = f"Error from server ({error.reason})" if is_from_server else "Error"
    # A policy's own sentence says what to do.
    remedy = "" if POLICY in str(error) else REMEDIES.get(type(error), "")
    return f"{head}: {error}{remedy}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)
