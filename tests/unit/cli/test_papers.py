"""What the papers say about the command line is true: every command and flag is there, and nothing else is promised."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from kelos.agents.demo import parse_program
from kelos.agents.registry import AGENTS
from kelos.api.codec import parse_task_spawner
from kelos.cli import reference
from kelos.cli.main import COMMANDS, cli
from kelos.cli.settings import global_options
from kelos.install.crds import build_crds
from kelos.local.schema import compile_schema
from kelos.spawning.validity import check_task_spawner

CHECKOUT = Path(__file__).parents[3]
README = (CHECKOUT / "README.md").read_text()
AGENTS_PAGE = (CHECKOUT / "docs/agents.md").read_text()
VERBS = ["write", "append", "commit", "push", "sleep", "say", "usage", "fail", "exit"]
SPAWNERS = (CHECKOUT / "docs/spawners.md").read_text()
MAKEFILE = (CHECKOUT / "Makefile").read_text()


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    with click.Context(group) as ctx:
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            assert command is not None
            if isinstance(command, click.Group):
                yield from commands(command, (*path, name))
            else:
                yield (*path, name), command


ALL = dict(commands())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_and_flag_is_documented(path: tuple[str, ...]) -> None:
    """With words: a flag without an explanation is a riddle."""
    ((_, page),) = reference.pages()
    section = page.split(f"## kelos {' '.join(path)}\n")[1].split("\n## ")[0]

    assert ALL[path].help
    for option in (p for p in ALL[path].params if isinstance(p, click.Option) and not p.hidden):
        assert option.help
        assert all(f"`{word}`" in section for word in option.opts)


@pytest.mark.parametrize("name", AGENTS)
def test_the_key_of_every_agents_secret_is_told(name: str) -> None:
    """Nobody guesses it."""
    (row,) = [line for line in AGENTS_PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    program, api_key, oauth = (cell.strip() for cell in row.strip("|").split("|")[1:])
    agent = AGENTS[name]
    wanted = agent.credential_env("api-key"), agent.credential_env("oauth")

    assert agent.program == program.strip("`").removeprefix("none")
    assert wanted == (named(api_key), named(api_key) if oauth == "the same" else named(oauth))


def named(cell: str) -> str | None:
    found = re.match("`([A-Z_]+)`", cell)
    return found[1] if found else None


def test_every_line_of_the_demo_agent_is_told() -> None:
    """And those that are told are lines of it."""
    section = AGENTS_PAGE.split("## The demo agent")[1]
    lines = [line for line in re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE) if not line.startswith("#")]
    program = "\n".join(line.replace("SECONDS", "1").replace("CODE", "3") for line in lines)

    assert VERBS == [command.verb for command in parse_program(program)]


def test_every_command_takes_the_global_flags() -> None:
    """Where people expect them: behind the command."""
    wanted = {word for option in global_options() for word in option.opts}

    for command in ALL.values():
        assert wanted <= {word for option in command.params for word in option.opts}


def test_the_list_of_commands_is_complete() -> None:
    """`kelos --help` shows what there is."""
    assert set(COMMANDS) == {path[0] for path in ALL}


def shell_lines(paper: str = README) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", paper, re.S)
    lines = [part for block in blocks for line in block.splitlines() for part in line.split("|")]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.mark.parametrize("paper", [README, SPAWNERS], ids=["README.md", "spawners.md"])
def test_the_commands_of_the_papers_exist(paper: str) -> None:
    """Whoever copies a line gets no `no such option`."""
    checked = 0
    for words in shell_lines(paper):
        program, arguments = Path(words[0]).name, words[1:]
        if program == "kelos":
            path = next(tuple(arguments[:n]) for n in (1, 2) if tuple(arguments[:n]) in ALL)
            ALL[path].make_parser(click.Context(ALL[path])).parse_args(arguments[len(path) :])
        elif program == "make":
            assert re.search(rf"^{arguments[0]}:", MAKEFILE, re.M)
        else:
            assert program in ("kubectl", "python", "export", "git", "printf")
            continue
        checked += 1
    assert checked >= 5


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", SPAWNERS, re.S))
def test_the_spawners_of_the_guide_make_sense(block: str) -> None:
    """They are accepted as they stand, every field is known, and nothing is found wrong later."""
    manifest = yaml.safe_load(block)

    (crd,) = [crd for crd in build_crds() if crd["spec"]["names"]["kind"] == manifest["kind"]]
    for version in crd["spec"]["versions"]:
        admitted = compile_schema(version["schema"]["openAPIV3Schema"]).admit(manifest, None)
        assert ((), ()) == (admitted.causes, admitted.unknown_fields)
    assert () == check_task_spawner(parse_task_spawner(manifest))


@pytest.mark.parametrize("verb", re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.M))
def test_the_makefiles_verbs_are_its_list(verb: str) -> None:
    """`make` prints them."""
    assert verb in re.findall(r"\.PHONY: (.*)", MAKEFILE)[0].split()
