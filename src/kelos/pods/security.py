"""The security context every container gets: what Pod Security "restricted" asks for."""

from __future__ import annotations

from kelos.api import names
from kelos.api.kinds import Manifest


def container_defaults() -> Manifest:
    return {
        "runAsNonRoot": True,
        "runAsUser": names.AGENT_UID,
        "runAsGroup": names.AGENT_UID,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def secured(container: Manifest) -> Manifest:
    """A user's container with our defaults behind whatever it says itself."""
    return {**container, "securityContext": {**container_defaults(), **(container.get("securityContext") or {})}}


def pod_context(*, has_workspace: bool, override: Manifest | None) -> Manifest:
    """The pod's context. An override replaces it, but files of the workspace stay writable for the agent."""
    group = {"fsGroup": names.AGENT_UID} if has_workspace else {}
    if override is not None:
        return {**group, **override}
    return {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, **group}
