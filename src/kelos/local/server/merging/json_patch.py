"""RFC 6902: a list of operations on one document."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

COPY_LIMIT_BYTES = 3 * 1024 * 1024
"""What all copies of a patch may add, as in Kubernetes: each could double the document."""


class PatchError(ValueError):
    """The patch cannot be applied to this document; `malformed` when it could be applied to none."""

    def __init__(self, message: str, *, malformed: bool = False) -> None:
        super().__init__(message)
        self.malformed = malformed


def apply_json_patch(document: Any, operations: object) -> Any:
    """The document after all operations, in order; the argument stays as it is."""
    if not isinstance(operations, list):
        raise PatchError("a JSON patch is a list of operations", malformed=True)
    document = copy.deepcopy(document)
    copied = 0
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise PatchError("every operation needs an op and a path", malformed=True)
        if operation.get("op") == "copy":
            copied += len(json.dumps(_read(document, _steps(str(operation.get("from"))))))
            if copied > COPY_LIMIT_BYTES:
                raise PatchError(f"its copies add more than {COPY_LIMIT_BYTES} bytes")
        document = _apply(document, operation)
    return document


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    path = _steps(operation["path"])
    match operation.get("op"):
        case "add":
            return _add(document, path, copy.deepcopy(_value(operation)))
        case "remove":
            return _remove(document, path)
        case "replace":
            return _replace(document, path, copy.deepcopy(_value(operation)))
        case "move":
            source = _steps(str(operation.get("from")))
            moved = _read(document, source)
            return _add(_remove(document, source), path, moved)
        case "copy":
            return _add(document, path, copy.deepcopy(_read(document, _steps(str(operation.get("from"))))))
        case "test":
            if not _same(_read(document, path), operation.get("value")):
                raise PatchError(f"the test of '{operation['path']}' failed")
            return document
        case other:
            raise PatchError(f"unknown operation '{other}'", malformed=True)


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise PatchError(f"'{operation['op']}' of '{operation['path']}' has no value", malformed=True)
    return operation["value"]


def _steps(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise PatchError(f"the path '{pointer}' does not start with '/'", malformed=True)
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _read(document: Any, path: Sequence[str]) -> Any:
    for step in path:
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list):
            document = document[_index(document, step, len(document) - 1)]
        else:
            raise PatchError(f"nothing is at '/{'/'.join(path)}'")
    return document


def _add(document: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    parent = _read(document, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if path[-1] == "-" else _index(parent, path[-1], len(parent)), value)
    else:
        raise PatchError(f"nothing can be added at '/{'/'.join(path)}'")
    return document


def _remove(document: Any, path: Sequence[str]) -> Any:
    _read(document, path)
    if not path:
        return None
    parent = _read(document, path[:-1])
    if isinstance(parent, list):
        del parent[_index(parent, path[-1], len(parent) - 1)]
    else:
        del parent[path[-1]]
    return document


def _replace(document: Any, path: Sequence[str], value: Any) -> Any:
    _read(document, path)
    if not path:
        return value
    parent = _read(document, path[:-1])
    parent[_index(parent, path[-1], len(parent) - 1) if isinstance(parent, list) else path[-1]] = value
    return document


def _index(items: Sequence[Any], step: str, last: int) -> int:
    if not step.isdecimal() or (len(step) > 1 and step.startswith("0")) or int(step) > last:
        raise PatchError(f"the list of {len(items)} has no item '{step}'")
    return int(step)


def _same(left: Any, right: Any) -> bool:
    """Equality as JSON sees it: true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)
