"""Read ledgers: the head anew for each pass, each segment once, since nobody ever changes one."""

from __future__ import annotations

from collections.abc import Mapping

from kelos.api.kinds import CONFIG_MAP
from kelos.cluster.protocol import Cluster
from kelos.controllers.reading import find
from kelos.errors import NotFound
from kelos.spawning.ledger.ledger import Ledger, Owner, damaged, parse_head, parse_segment


class Ledgers:
    """The ledgers of all spawners that this process works for."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._segments: dict[Owner, dict[str, Mapping[str, str]]] = {}

    async def read(self, owner: Owner) -> Ledger | None:
        """The ledger as it is now; None when there is none yet. Raises UserError when it cannot be understood."""
        manifest = await find(self._cluster, CONFIG_MAP, owner.namespace, owner.head_name)
        if manifest is None:
            return None
        head = parse_head(manifest)
        known = self._segments.get(owner, {})
        listed = {ref.name: known.get(ref.name) or await self._segment(owner, ref.name) for ref in head.segments}
        self._segments[owner] = listed
        return Ledger(owner=owner, head=head, older=tuple(listed.values()))

    def forget(self, namespace: str, name: str) -> None:
        """The spawner is gone."""
        for owner in [owner for owner in self._segments if (owner.namespace, owner.name) == (namespace, name)]:
            del self._segments[owner]

    async def _segment(self, owner: Owner, name: str) -> Mapping[str, str]:
        try:
            return parse_segment(await self._cluster.get(CONFIG_MAP, owner.namespace, name))
        except NotFound:
            raise damaged(name, "it does not exist") from None
