"""Gives the dependencies in a prompt's template their new names: `.Deps.a` and `index .Deps "a"`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kelos.errors import UserError

# What Go's lexer would see between `{{` and `}}`, as far as it matters where a name or the end of the action stands.
_TOKEN = re.compile(
    r"(?P<comment>/\*.*?\*/)"
    r'|(?P<string>"(?:\\.|[^"\\\n])*"|`[^`]*`)'
    r"|(?P<character>'(?:\\.|[^'\\\n])*')"
    r"|(?P<chain>(?:\$\w*)?(?:\.\w+)+)"
    r"|(?P<end>\}\})"
    r"|(?P<space>\s+)"
    r"|(?P<word>\w+|.)",
    re.DOTALL | re.ASCII,
)
_OF_DEPS = re.compile(r"(?P<deps>\$?\.Deps)\.(?P<name>\w+)(?P<rest>.*)", re.ASCII)


def rename_dependencies(prompt: str, names: Mapping[str, str], task: str) -> str:
    """The template with every old name of a dependency replaced.

    Where a name may as well be a word of another kind, a UserError says how to write it.
    """
    parts: list[str] = []
    position = 0
    while (start := prompt.find("{{", position)) >= 0:
        end = _end_of_action(prompt, start + 2)
        if end is None:
            break  # the controller says what is wrong with the template
        parts += prompt[position:start], "{{", *_renamed(prompt[start + 2 : end], names, task)
        position = end
    return "".join([*parts, prompt[position:]])


def _end_of_action(prompt: str, start: int) -> int | None:
    """Where the action's `}}` begins; one in a string or comment is none."""
    return next((match.start() for match in _TOKEN.finditer(prompt, start) if match["end"]), None)


def _renamed(action: str, names: Mapping[str, str], task: str) -> Iterator[str]:
    operand = ""
    for match in _TOKEN.finditer(action):
        text = match[0]
        if match["string"] and text[1:-1] in names:
            if operand not in (".Deps", "$.Deps"):
                raise UserError(_unclear(text[1:-1], task))
            yield f'"{names[text[1:-1]]}"'
        elif match["chain"] and (found := _OF_DEPS.fullmatch(text)) and found["name"] in names:
            yield f'(index {found["deps"]} "{names[found["name"]]}"){found["rest"]}'
        else:
            yield text
        if not match["space"]:
            operand = text


def _unclear(name: str, task: str) -> str:
    return (
        f"The prompt of Task '{task}' has \"{name}\" in a template where it may be the Task of that name or not: "
        f'write `index .Deps "{name}"` for the Task, or give the Task another name'
    )
