"""Reading objects that a person named or asked for, with errors that say where they were looked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

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


async def each_named(cluster: Cluster, kind: Kind, namespace: str, names: Sequence[str]) -> AsyncIterator[Manifest]:
    """Those that are there, in the order of their names. Raises NotFound about all others, after the last one."""
    missing = []
    for name in names:
        try:
            found = await cluster.get(kind, namespace, name)
        except NotFound as error:
            missing.append((name, error))
        else:
            yield found
    if missing:
        what = ", ".join(f'"{name}"' for name, _ in missing)
        raise await _explained(cluster, kind, missing[0][1], f"{kind.plural}.{kind.group} {what}", namespace)


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


async def refused_write(cluster: Cluster, kind: Kind, namespace: str | None, error: NotFound) -> ClusterError:
    """Why there was no place for an object of that kind: nobody knows the kind, or the namespace is missing."""
    if not await _is_known(cluster, kind):
        return _not_installed(kind)
    if namespace and f'namespaces "{namespace}"' in str(error):
        sentence = f"Namespace '{namespace}' does not exist; create it, or correct --namespace"
        return NotFound(sentence, reason="NotFound")
    return error


async def _explained(cluster: Cluster, kind: Kind, error: NotFound, what: str, namespace: str) -> ClusterError:
    if not await _is_known(cluster, kind):
        return _not_installed(kind)
    hint = f"'kelos get {kind.plural} -A' lists those of all namespaces"
    return NotFound(f"{what} not found in namespace '{namespace}'; {hint}", reason="NotFound")


def _not_installed(kind: Kind) -> NotFound:
    return NotFound(
        f"This cluster does not know {kind.plural}.{kind.group}: Kelos is not installed in it; "
        "apply the CRDs as the README says",
        reason="NotFound",
    )


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
