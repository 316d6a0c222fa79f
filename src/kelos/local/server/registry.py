"""The served resources: the built-in ones, and those that definitions in the store add."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain

from kelos.api.kinds import Manifest
from kelos.local.server.builtin.kinds import BUILT_IN
from kelos.local.server.custom.definitions import resources_of
from kelos.local.server.refusals import unknown_path
from kelos.local.server.resources import Resource, Rules
from kelos.local.store import Key, Store

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
CompileSchema = Callable[[Manifest], Rules]

_Place = tuple[str, str, str]


class Registry:
    """Resources by group, version and plural; a definition is served from the moment it is stored."""

    def __init__(self, compile_schema: CompileSchema) -> None:
        self._compile = compile_schema
        self._built_in = {_place(resource): resource for resource in BUILT_IN}
        self._custom: dict[str, dict[_Place, Resource]] = {}
        self.revision = 0

    def load(self, store: Store) -> None:
        """Serve every definition that the store already has."""
        for entry in store.entries(DEFINITIONS):
            self._define(entry.manifest)

    def find(self, group: str, version: str, plural: str) -> Resource:
        """The resource of a path. Raises not-found when nothing is served there."""
        place = (group, version, plural)
        if resource := self._built_in.get(place):
            return resource
        if resource := self._custom.get(f"{plural}.{group}", {}).get(place):
            return resource
        raise unknown_path()

    def stored(self, storage: str) -> Resource | None:
        """Some version of the resource whose objects are stored there, the stored version first."""
        found = [resource for resource in self.all() if resource.storage == storage]
        return min(found, key=lambda resource: resource.kind.api_version != resource.stored_as, default=None)

    def all(self) -> Iterable[Resource]:
        """Every served version of every resource."""
        return chain(self._built_in.values(), *(places.values() for places in self._custom.values()))

    @property
    def namespaces(self) -> Resource:
        return self.find("", "v1", "namespaces")

    def learn(self, resource: Resource, stored: Manifest) -> None:
        """Take note of a written object, when it is a definition."""
        if resource.storage == DEFINITIONS:
            self._define(stored)

    def forget(self, key: Key) -> None:
        """Stop serving a definition that is gone."""
        if key.resource == DEFINITIONS and self._custom.pop(key.name, None) is not None:
            self.revision += 1

    def _define(self, definition: Manifest) -> None:
        resources = resources_of(definition, self._compile)
        self._custom[definition["metadata"]["name"]] = {_place(resource): resource for resource in resources}
        self.revision += 1


def _place(resource: Resource) -> _Place:
    return (resource.kind.group, resource.kind.version, resource.kind.plural)
