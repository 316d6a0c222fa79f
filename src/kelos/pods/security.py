"""The security context every container gets: what Pod Security "restricted" asks for."""

from __future__ import annotations

from kelos.api import names
from kelos.api.kinds import Manifest


def container_defaults(pod: Manifest | None = None) -> Manifest:
    """The defaults, without what `podSecurityContext` says: a container's own value would win over the pod's."""
    defaults = {
        "runAsNonRoot": True,
        "runAsUser": names.AGENT_UID,
        "runAsGroup": names.AGENT_UID,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if (pod or {}).get("runAsUser") == 0:
        defaults.pop("runAsNonRoot")  # the two together can never start; who asks for root is told by policy
    return {key: value for key, value in defaults.items() if key not in (pod or {})}


def secured(container: Manifest, pod: Manifest | None = None) -> Manifest:
    """A user's container with our defaults behind whatever it, or the pod, says itself."""
    own = container.get("securityContext") or {}
    defaults = container_defaults(pod)
    if own.get("runAsUser") == 0:
        defaults.pop("runAsNonRoot", None)
    return {**container, "securityContext": {**defaults, **own}}


def pod_context(*, has_workspace: bool, override: Manifest | None) -> Manifest:
    """The pod's context. An override replaces it, but files of the workspace stay writable for the agent."""
    group = {"fsGroup": names.AGENT_UID} if has_workspace else {}
    if override is not None:
        return {**group, **override}
    return {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, **group}
