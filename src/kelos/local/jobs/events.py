"""Events: what people read in `describe`. A repeated event is one object with a count."""

from __future__ import annotations

from hashlib import sha256

from kelos.api.kinds import EVENT, Manifest
from kelos.cluster.protocol import Cluster
from kelos.errors import AlreadyExists, ClusterError
from kelos.local.jobs.moments import Clock, stamp

MESSAGE_LIMIT = 1024


class Recorder:
    """Writes events for one component. An event that cannot be written is lost, nothing else is."""

    def __init__(self, cluster: Cluster, *, component: str, host: str = "", now: Clock) -> None:
        self._cluster = cluster
        self._source = {"component": component, **({"host": host} if host else {})}
        self._now = now

    async def tell(self, about: Manifest, type: str, reason: str, message: str) -> None:
        """Create the event, or raise the count of an equal one."""
        event = self._event(about, type, reason, message[:MESSAGE_LIMIT])
        try:
            await self._cluster.create(EVENT, event)
        except AlreadyExists:
            await self._repeat(event)
        except ClusterError:
            return

    async def _repeat(self, event: Manifest) -> None:
        namespace, name = event["metadata"]["namespace"], event["metadata"]["name"]
        try:
            known = await self._cluster.get(EVENT, namespace, name)
            body = {"count": int(known.get("count") or 1) + 1, "lastTimestamp": event["lastTimestamp"]}
            await self._cluster.patch(EVENT, namespace, name, body)
        except ClusterError:
            return

    def _event(self, about: Manifest, type: str, reason: str, message: str) -> Manifest:
        metadata, at = about["metadata"], stamp(self._now())
        identity = "\n".join((metadata["uid"], type, reason, message, self._source["component"]))
        digest = sha256(identity.encode("utf-8", "replace")).hexdigest()[:16]
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": f"{metadata['name']}.{digest}", "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": about.get("apiVersion", ""),
                "kind": about.get("kind", ""),
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
            "type": type,
            "reason": reason,
            "message": message,
            "source": self._source,
            "reportingComponent": self._source["component"],
            "reportingInstance": self._source.get("host", ""),
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        }
