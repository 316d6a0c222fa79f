"""Reading objects that a person named or asked for, with errors that say where they were looked for."""

from __future__ import annotations

from kelos.api.kinds import CRD, TASK, Kind, Manifest
from kelos.cluster.protocol import Cluster
from kelos.errors import ClusterError, NotFound

PAGE = 500


async def get_named(cluster: Cluster, kind: Kind, namespace: str, name: str) -> Manifest:
    """Raises NotFound that says where it is not, and what to try."""
    try:
        return await cluster.get(kind, namespace, name)
    except NotFound as error:
        raise await _explained(cluster, kind, error, f'{kind.plural}.{kind.group} "{name}"', namespace) from None


async def list_all(cluster: Cluster, kind: Kind, namespace: str | None) -> list[Manifest]:
    """Every page; None is all namespaces."""
    found: list[Manifest] = []
    more = ""
    try:
        while True:
            page = await cluster.list(kind, namespace, limit=PAGE, more=more)
            found += page.items
            if not (more := page.more):
                return found
    except NotFound as error:
        raise await _explained(cluster, kind, error, kind.plural, namespace or "") from None


async def _explained(cluster: Cluster, kind: Kind, error: NotFound, what: str, namespace: str) -> ClusterError:
    if not await _is_known(cluster, kind):
        return NotFound(
            f"This cluster does not know {kind.plural}.{kind.group}: Kelos is not installed in it; "
            "apply the CRDs as the README says",
            reason="NotFound",
        )
    hint = f"'kelos get {kind.plural} -A' lists those of all namespaces"
    return NotFound(f"{what} not found in namespace '{namespace}'; {hint}", reason="NotFound")


async def _is_known(cluster: Cluster, kind: Kind) -> bool:
    if kind.group != TASK.group:
        return True
    try:
        await cluster.get(CRD, None, f"{kind.plural}.{kind.group}")
    except NotFound:
        return False
    except ClusterError:
        return True
    return True
