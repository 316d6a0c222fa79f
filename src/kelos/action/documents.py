"""Reads what people wrote: files of the checkout, JSON, and YAML with PyYAML, which only this module imports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kelos.api.checks import excerpt
from kelos.errors import UserError

Document = dict[str, Any]
FILE_LIMIT_BYTES = 2 * 1024 * 1024
NODE_LIMIT = 200_000
"""Far more than a Task holds; a few lines of YAML aliases can stand for billions."""


def read_file(given: str, what: str, folder: Path) -> str:
    """The text of a file of the checkout. Links out of it or to its token are refused: it may be a stranger's."""
    path = place_in(folder, given, what)
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT_BYTES + 1)
        if len(data) > FILE_LIMIT_BYTES:
            raise UserError(f"The {what} '{excerpt(given)}' is larger than {FILE_LIMIT_BYTES} bytes: make it smaller")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UserError(
            f"The {what} '{excerpt(given)}' cannot be read ({error.strerror}): "
            "check the path and that the repository is checked out"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"The {what} '{excerpt(given)}' is not UTF-8 at byte {error.start}: save it as UTF-8"
        ) from error


def place_in(folder: Path, given: str, what: str) -> Path:
    """Where in the checkout that is, links followed; a UserError when it is outside, or where git keeps its own."""
    root = folder.resolve()
    path = (root / given).resolve()
    if root != path and root not in path.parents:
        raise UserError(f"The {what} '{excerpt(given)}' lies outside the workspace {root}: give a path inside of it")
    if any(part.lower() == ".git" for part in path.relative_to(root).parts):
        raise UserError(
            f"The {what} '{excerpt(given)}' leads into git's own folder, which holds the checkout's token: "
            "put it elsewhere in the repository"
        )
    return path


def read_documents(text: str, what: str) -> tuple[Document, ...]:
    """Every non-empty document of the text; a UserError names `what` and the line at fault."""
    found = _parse(text.lstrip("\ufeff"), what)
    if _is_vast(found):
        raise UserError(f"{what} has more than {NODE_LIMIT} values once its aliases are written out: write it plainly")
    documents = [document for document in found if document is not None]
    for document in documents:
        if not isinstance(document, dict):
            raise UserError(f"{what} is not a mapping of keys to values: check that it is the right file")
    return tuple(documents)


def read_document(text: str, what: str) -> Document:
    """The one document of the text."""
    documents = read_documents(text, what)
    if len(documents) != 1:
        raise UserError(f"{what} holds {len(documents)} documents: exactly one is needed")
    return documents[0]


def _is_vast(found: object) -> bool:
    """Whether it has more values than anybody writes, counted with every alias, and circles without end."""
    waiting, seen = [found], 0
    while waiting:
        value = waiting.pop()
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        seen += len(inner)
        if seen > NODE_LIMIT:
            return True
        waiting.extend(inner)
    return False


def _parse(text: str, what: str) -> list[Any]:
    if text.lstrip().startswith("{"):
        try:
            return [json.loads(text)]
        except (ValueError, RecursionError):
            pass  # YAML may begin with a brace too, and its parser names line and column
    return _parse_yaml(text, what)


def _parse_yaml(text: str, what: str) -> list[Any]:
    try:
        import yaml
    except ImportError as error:
        raise UserError(
            f"{what} is YAML, and this Python has no PyYAML: install the package PyYAML on the runner, or give JSON"
        ) from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return list(yaml.load_all(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(f"{what} does not parse{where}: {error.problem or 'invalid YAML'}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        # The parser's own words quote the text around the fault, and a kubeconfig holds secrets.
        raise UserError(f"{what} does not parse as YAML or JSON: {type(error).__name__}") from None
