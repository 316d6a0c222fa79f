"""A local plane that is cheap to make anew: its kinds are compiled once, its store tells of every change at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

from kelos.api.kinds import Manifest
from kelos.install.crds import build_crds
from kelos.local.schema import compile_schema
from kelos.local.server.registry import Registry
from kelos.local.server.verbs.options import WriteOptions
from kelos.local.server.verbs.plane import Plane
from kelos.local.server.verbs.writing import create
from kelos.local.store import Entry, Key, Store
from make import NAMESPACE

Witness = Callable[[Key, Entry | None, Entry | None], None]
"""Key, the state before and the state after; None where there is none."""


class _Nowhere:
    """A database that keeps nothing."""

    def execute(self, *_: object) -> None: ...


class WitnessedStore(Store):
    """A store that shows each change to a witness before anybody else can act.

    For speed it writes nothing to SQLite, and forgets who set which field.
    """

    def __init__(self, witness: Witness) -> None:
        super().__init__()
        self._witness = witness

    @contextmanager
    def _transaction(self, version: int) -> Iterator[Any]:
        yield _Nowhere()
        self.version = version

    def put(self, key: Key, manifest: Manifest) -> Entry:
        metadata = {name: value for name, value in manifest["metadata"].items() if name != "managedFields"}
        before = self.get(key)
        entry = super().put(key, {**manifest, "metadata": metadata})
        self._witness(key, before, entry)
        return entry

    def delete(self, key: Key, last: Manifest | None = None) -> Entry:
        before = self.get(key)
        entry = super().delete(key, last)
        self._witness(key, before, None)
        return entry


@cache
def _registry() -> Registry:
    """Schemas without their CEL rules, half of the cost: nobody here writes what they would refuse."""
    registry = Registry(lambda schema: compile_schema(_without_rules(schema)))
    store = Store()
    definitions = registry.find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
    plane = Plane(store=store, registry=registry)
    for crd in build_crds():
        create(plane, definitions, None, crd, WriteOptions(manager="test"))
    store.close()
    return registry


def _without_rules(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_rules(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _without_rules(value) for name, value in schema.items() if name != "x-kubernetes-validations"}


def new_plane(now: Callable[[], datetime], rng: Random, witness: Witness) -> Plane:
    """An empty plane with the tests' namespace; its uids and suffixes follow from the seed."""
    plane = Plane(
        store=WitnessedStore(witness),
        registry=_registry(),
        now=now,
        new_uid=lambda: f"{rng.getrandbits(128):032x}",
        new_suffix=lambda: f"{rng.getrandbits(20):05x}",
    )
    create(plane, plane.registry.namespaces, None, {"metadata": {"name": NAMESPACE}}, WriteOptions(manager="test"))
    return plane
