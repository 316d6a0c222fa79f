"""The objects a command line names, as for kubectl: `KIND NAME…`, or `KIND/NAME…`, which is how they are printed."""

from __future__ import annotations

from collections.abc import Sequence

from kelos.cli.kinds import Resource, find_resource
from kelos.errors import UserError


def find_targets(resource: str, names: Sequence[str]) -> tuple[Resource, tuple[str, ...]]:
    """The kind, and its names without repetition; none when the whole kind is meant. Raises UserError."""
    if "/" not in resource:
        found = find_resource(resource)
        return found, names_of(found, names)
    found = find_resource(resource.partition("/")[0])
    if bare := next((name for name in names if "/" not in name), None):
        word = found.words[0]
        raise UserError(f"'{resource}' names its kind and '{bare}' does not; write {word}/{bare}, or {word} NAME NAME")
    return found, names_of(found, (resource, *names))


def names_of(resource: Resource, words: Sequence[str]) -> tuple[str, ...]:
    """Names of objects whose kind is known, each bare or as KIND/NAME. Raises UserError for another kind's."""
    return tuple(dict.fromkeys(_name(resource, word) for word in words))


def _name(resource: Resource, word: str) -> str:
    kind, slash, name = word.rpartition("/")
    if slash and find_resource(kind) != resource:
        raise UserError(f"'{word}' is no {resource.words[0]}; name one kind at a time")
    if not name:
        raise UserError(f"'{word}' names no {resource.words[0]}; add its name")
    return name
