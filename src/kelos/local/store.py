"""The objects of a local cluster: SQLite underneath, decoded objects on top, one counter of changes.

Everything here is synchronous on purpose: between two awaits of the one event loop nobody else writes, so a
read followed by a write is atomic and needs no lock. What was written is on disk before anybody is told.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from kelos.api.kinds import Manifest
from kelos.cluster.protocol import ChangeType

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (resource, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (only INTEGER PRIMARY KEY CHECK (only = 1), version INTEGER NOT NULL);
"""
# Small versions are those that clients make up; they must be known to be too old.
_FIRST_VERSION = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Where an object is. `resource` is `<plural>.<group>`: all versions of a kind share one place."""

    resource: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One state of one object; the manifest is never mutated, `encoded` is the same as JSON."""

    key: Key
    version: int
    manifest: Manifest
    encoded: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreEvent:
    """One change. `previous` is what it replaced; a deletion's entry is the last state with its own version."""

    type: ChangeType
    entry: Entry
    previous: Entry | None

    @property
    def version(self) -> int:
        return self.entry.version


class HistoryExpiredError(Exception):
    """The version asked for is older than the history that is kept."""


@dataclass(slots=True)
class _Log:
    """The last changes of one resource; `forgotten` is the version of the newest change no longer here."""

    forgotten: int
    events: deque[StoreEvent] = field(default_factory=deque)


class Store:
    """Objects by key. Versions only grow, also across restarts; history starts anew with the process."""

    def __init__(self, path: Path | None = None, *, history: int = 4096) -> None:
        self._database = _open(path)
        # One that nobody holds any more closes its database: newer Pythons complain of a connection that is left open.
        self._close = weakref.finalize(self, self._database.close)
        self._history = history
        self._objects: dict[str, dict[Key, Entry]] = {}
        self._logs: dict[str, _Log] = {}
        self._listeners: dict[str, dict[asyncio.Event, None]] = {}  # in the order in which they came
        self.version: int = self._database.execute("SELECT version FROM counter").fetchone()[0]
        self._start = self.version
        for resource, namespace, name, version, body in self._database.execute("SELECT * FROM objects"):
            key = Key(resource=resource, namespace=namespace, name=name)
            entry = Entry(key=key, version=version, manifest=json.loads(body), encoded=bytes(body))
            self._objects.setdefault(resource, {})[key] = entry

    def get(self, key: Key) -> Entry | None:
        """The object as it is now."""
        return self._objects.get(key.resource, {}).get(key)

    def entries(self, resource: str, namespace: str | None = None, *, at: int | None = None) -> list[Entry]:
        """All objects in key order, as they were at version `at`. Raises HistoryExpiredError when that is too old."""
        objects = self._objects.get(resource, {})
        if at is not None and at < self.version:
            objects = self._rewound(resource, at)
        found = (entry for entry in objects.values() if namespace is None or entry.key.namespace == namespace)
        return sorted(found, key=lambda entry: (entry.key.namespace, entry.key.name))

    def resources(self) -> tuple[str, ...]:
        """The resources that have objects."""
        return tuple(name for name, objects in self._objects.items() if objects)

    def put(self, key: Key, manifest: Manifest) -> Entry:
        """Store a new state under the next version, which becomes its `metadata.resourceVersion`."""
        previous = self.get(key)
        entry = _entry(key, self.version + 1, manifest)
        with self._transaction(entry.version) as database:
            database.execute(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)",
                (key.resource, key.namespace, key.name, entry.version, entry.encoded),
            )
        self._objects.setdefault(key.resource, {})[key] = entry
        self._tell(
            StoreEvent(type=ChangeType.MODIFIED if previous else ChangeType.ADDED, entry=entry, previous=previous)
        )
        return entry

    def delete(self, key: Key, last: Manifest | None = None) -> Entry:
        """Remove an object that exists; the answer is its last state under the version of the removal."""
        previous = self._objects[key.resource][key]
        entry = _entry(key, self.version + 1, last or previous.manifest)
        with self._transaction(entry.version) as database:
            database.execute(
                "DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?",
                (key.resource, key.namespace, key.name),
            )
        del self._objects[key.resource][key]
        self._tell(StoreEvent(type=ChangeType.DELETED, entry=entry, previous=previous))
        return entry

    def events(self, resource: str, after: int) -> list[StoreEvent]:
        """The changes after a version, oldest first. Raises HistoryExpiredError when some are forgotten."""
        log = self._log(resource)
        if after < log.forgotten:
            raise HistoryExpiredError
        recent = takewhile(lambda event: event.version > after, reversed(log.events))
        return [*recent][::-1]

    @contextmanager
    def listening(self, resource: str) -> Iterator[asyncio.Event]:
        """An event that is set by every change of the resource; whoever waits clears it."""
        news = asyncio.Event()
        listeners = self._listeners.setdefault(resource, {})
        listeners[news] = None
        try:
            yield news
        finally:
            del listeners[news]

    def close(self) -> None:
        """Close the database."""
        self._close()

    @contextmanager
    def _transaction(self, version: int) -> Iterator[sqlite3.Connection]:
        with self._database:
            self._database.execute("UPDATE counter SET version = ?", (version,))
            yield self._database
        self.version = version

    def _tell(self, event: StoreEvent) -> None:
        log = self._log(event.entry.key.resource)
        log.events.append(event)
        if len(log.events) > self._history:
            log.forgotten = log.events.popleft().version
        for news in self._listeners.get(event.entry.key.resource, ()):
            news.set()

    def _log(self, resource: str) -> _Log:
        return self._logs.setdefault(resource, _Log(forgotten=self._start))

    def _rewound(self, resource: str, at: int) -> dict[Key, Entry]:
        objects = dict(self._objects.get(resource, {}))
        for event in reversed(self.events(resource, at)):
            if event.previous is None:
                objects.pop(event.entry.key, None)
            else:
                objects[event.entry.key] = event.previous
        return objects


def _entry(key: Key, version: int, manifest: Manifest) -> Entry:
    metadata = {**manifest["metadata"], "resourceVersion": str(version)}
    # Always in this order, so that the identity is a prefix of the encoded text.
    identity: Manifest = {name: manifest[name] for name in ("apiVersion", "kind") if name in manifest}
    manifest = {
        **identity,
        "metadata": metadata,
        **{k: v for k, v in manifest.items() if k not in (*identity, "metadata")},
    }
    return Entry(key=key, version=version, manifest=manifest, encoded=encode(manifest))


def encode(value: object) -> bytes:
    """Compact JSON; a lone surrogate, which UTF-8 cannot carry, becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _open(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        # SQLite gives its journal files the mode of the database file.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
    database = sqlite3.connect(path or ":memory:", check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.executescript(_SCHEMA)
    with database:
        database.execute("INSERT OR IGNORE INTO counter VALUES (1, ?)", (_FIRST_VERSION,))
    return database
