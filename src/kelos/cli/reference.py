"""docs/reference/cli.md, generated from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc

import click

from kelos.cli.main import COMMANDS, cli
from kelos.cli.settings import global_options

PATH = "docs/reference/cli.md"
HEAD = """\
<!-- Generated from src/kelos/cli by `make generate`; do not edit. -->

# The command line

Answers go to stdout, talk goes to stderr. `-o json`, `-o yaml` and `-o name` are contracts; tables are for people.

| Exit code | Meaning |
|---|---|
| 0 | done |
| 1 | the run failed: `kelos run --wait`, `--watch`, `--local` and `kelos logs --follow` of a Task that failed |
| 2 | you can fix the call: a flag, a file, the config file, a kubeconfig |
| 3 | the cluster refused or did not answer |
| 130 | interrupted. Ctrl-C stops watching, not the Task; with `--local` it stops both |

Values are taken from flags first, then from the config file (`kelos init` writes one that explains itself), then from
the kubeconfig. No flag takes a token: tokens are in an existing Secret, or in the config file as `@file`.
"""


def pages() -> Iterator[tuple[str, str]]:
    """Path and content of the page."""
    parts = [HEAD, "## Flags of every command\n\n" + _flags(global_options())]
    with click.Context(cli, info_name="kelos") as top:
        for name in COMMANDS:
            command = cli.get_command(top, name)
            assert command is not None
            parts += _sections(command, top, name)
    yield PATH, "\n".join(parts)


def _sections(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    with click.Context(command, info_name=name, parent=parent) as ctx:
        if isinstance(command, click.Group):
            for inner in command.list_commands(ctx):
                found = command.get_command(ctx, inner)
                assert found is not None
                yield from _sections(found, ctx, inner)
            return
        usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
        options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
        help = cleandoc(command.help or "")  # as every Python reads it: older ones keep the indentation
        yield f"## {ctx.command_path}\n\n```\n{usage}\n```\n\n{help}\n\n{_flags(options)}".rstrip() + "\n"


def _flags(options: list[click.Option]) -> str:
    if not options:
        return ""
    rows = [f"| {_words(option)} | {_cell(option.help or '')}{_default(option)} |" for option in options]
    return "\n".join(["| Flag | Meaning |", "|---|---|", *rows]) + "\n"


def _words(option: click.Option) -> str:
    words = ", ".join(f"`{word}`" for word in sorted(option.opts, key=len))
    if option.is_flag:
        return words
    if isinstance(option.type, click.Choice):
        return f"{words} {' '.join(f'`{choice}`' for choice in option.type.choices)}"
    return f"{words} {option.metavar or option.type.name.upper().replace(' RANGE', '')}"


def _default(option: click.Option) -> str:
    return f" Default: `{option.default}`." if option.show_default else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
