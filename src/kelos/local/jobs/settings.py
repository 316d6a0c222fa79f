"""What an installer may turn about Jobs and the node. The defaults are those of Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """A failed pod is replaced after `backoff_seconds`, doubled per failure up to the longest."""

    backoff_seconds: float = 10.0
    longest_backoff_seconds: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """One node on this machine."""

    name: str = "local"
    slots: int = 2
    resync_seconds: float = 1.0
    """How often what is missing (a Secret, a ConfigMap, a claim) is looked for again."""
    refresh_seconds: float = 10.0
    """How often files from Secrets and ConfigMaps are brought up to date in running pods."""
    backoff_seconds: float = 10.0
    longest_backoff_seconds: float = 300.0
    shutdown_grace_seconds: float = 2.0
    """How long containers get to end when the node itself ends."""


HOST_VARIABLES = ("PATH", "LANG", "TZ")
"""What containers may know of the host; keys and tokens in the host's environment stay there."""


def host_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The part of the host's environment that containers inherit."""
    found = {name: variables[name] for name in HOST_VARIABLES if variables.get(name)}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **found}
