"""The JSONPath of printer columns and selectable fields: names, indexes, wildcards and equality filters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

_STEP = re.compile(
    r"(?P<all>\[\*\]|\.\*)"
    r"|\.(?P<name>(?:\\.|[^.\[\\])+)"
    r"|\[\s*(?P<index>-?\d+)\s*\]"
    r"|\[\s*(?P<quote>['\"])(?P<quoted>.*?)(?P=quote)\s*\]"
    r"|\[\?\(\s*@\.(?P<field>[^=!<>\s]+)\s*(?P<op>==|!=)\s*(?P<value>'[^']*'|\"[^\"]*\"|[^)\s]+)\s*\)\]"
)
_Step = Callable[[Any], Iterator[Any]]


def find_all(document: object, path: str) -> list[Any]:
    """Every value at the path; none when something on the way is missing. Raises ValueError for a broken path."""
    values: list[Any] = [document]
    for step in compile_path(path):
        values = [found for value in values for found in step(value)]
    return values


@lru_cache(maxsize=1024)
def compile_path(path: str) -> tuple[_Step, ...]:
    """The steps of a path such as `.status.conditions[?(@.type=="Ready")].status`."""
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if text and text[0] not in ".[":
        text = f".{text}"
    steps = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ValueError(f"the path '{path}' is not understood from '{text[position:]}' on")
        steps.append(_step(match))
        position = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> _Step:
    if match["all"]:
        return _every
    if match["index"] is not None:
        return _item(int(match["index"]))
    if match["field"] is not None:
        return _where(match["field"], match["op"] == "==", _literal(match["value"]))
    return _member(match["quoted"] if match["quoted"] is not None else re.sub(r"\\(.)", r"\1", match["name"]))


def _every(value: Any) -> Iterator[Any]:
    yield from value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _item(index: int) -> _Step:
    def read(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]

    return read


def _member(name: str) -> _Step:
    def read(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return read


def _where(field: str, wanted: bool, literal: Any) -> _Step:
    def read(value: Any) -> Iterator[Any]:
        for item in value if isinstance(value, list) else ():
            if (find_all(item, field) == [literal]) is wanted:
                yield item

    return read


def _literal(text: str) -> Any:
    if text[0] in "'\"":
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        return text
