"""Reading the Secrets and ConfigMaps that a pod names, when they are needed and no sooner."""

from __future__ import annotations

from kelos.api.kinds import CONFIG_MAP, SECRET, Kind, Manifest
from kelos.cluster.protocol import Cluster
from kelos.errors import NotFound
from kelos.local.jobs.pod.references import Data, Sources, decode_data, named_sources


async def read_sources(cluster: Cluster, pod: Manifest) -> Sources:
    """Those that exist; what is missing is told when something needs it."""
    namespace = pod["metadata"]["namespace"]
    secrets, config_maps = named_sources(pod["spec"])
    return Sources(
        namespace=namespace,
        secrets=await _read(cluster, SECRET, namespace, secrets),
        config_maps=await _read(cluster, CONFIG_MAP, namespace, config_maps),
    )


async def _read(cluster: Cluster, kind: Kind, namespace: str, names: frozenset[str]) -> dict[str, Data]:
    found: dict[str, Data] = {}
    for name in sorted(names):
        try:
            manifest = await cluster.get(kind, namespace, name)
        except NotFound:
            continue
        found[name] = decode_data({**manifest, "kind": kind.kind})
    return found
