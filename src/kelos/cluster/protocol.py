"""What the system may ask of a cluster: the verbs, with one implementation over HTTP and one inside the local plane."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from kelos.api.kinds import Kind, Manifest


class PatchType(str, Enum):
    """The body's format, as the content type that carries it."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class ChangeType(str, Enum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One watch event. A bookmark's object carries nothing but its resourceVersion."""

    type: ChangeType
    object: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of a list. `more` is the continue token, empty on the last page."""

    items: tuple[Manifest, ...]
    resource_version: str
    more: str = ""


class Cluster(Protocol):
    """Kubernetes verbs on plain dictionaries. On purpose every method raises the `ClusterError` family only.

    `namespace` is None for cluster-scoped kinds, and for "all namespaces" in `list` and `watch`.
    Returned objects are fresh: the caller may keep them, nobody mutates them.
    """

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Manifest:
        """Raises NotFound."""
        ...

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 500,
        more: str = "",
    ) -> Page:
        """One page; pass the previous page's `more` for the next. Raises Gone when the token is too old."""
        ...

    async def create(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """The namespace is the manifest's; a field that the kind does not have is refused.

        Raises AlreadyExists, Invalid, Forbidden.
        """
        ...

    async def replace(self, kind: Kind, manifest: Manifest, *, subresource: str = "") -> Manifest:
        """PUT; the manifest's resourceVersion is the precondition. Raises Conflict, NotFound."""
        ...

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        body: object,
        *,
        type: PatchType = PatchType.MERGE,
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
        dry_run: bool = False,
    ) -> Manifest:
        """A `metadata.resourceVersion` (or uid) inside a merge patch is a precondition. Raises Conflict, NotFound."""
        ...

    async def delete(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: str = "Background",
        grace_seconds: int | None = None,
    ) -> None:
        """Raises NotFound, and Conflict when `uid` or `resource_version` no longer match."""
        ...

    def watch(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        resource_version: str,
        labels: str = "",
        fields: str = "",
        timeout_seconds: int = 300,
    ) -> AsyncIterator[Change]:
        """Changes after `resource_version`, with bookmarks, until the server ends it. Raises Gone."""
        ...

    def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str,
        follow: bool = False,
        tail_lines: int | None = None,
        limit_bytes: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
        previous: bool = False,
    ) -> AsyncIterator[bytes]:
        """Chunks of a container's log, not cut at lines. Raises NotFound; Invalid before the container started."""
        ...
