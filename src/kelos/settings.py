"""What an installer may turn; every value has a default that is safe on a small cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

REGISTRY = "ghcr.io/kelos-dev"
AGENT_TYPES = ("claude-code", "codex", "gemini", "opencode", "cursor", "demo")


def default_images(prefix: str = REGISTRY, tag: str = "latest") -> Mapping[str, str]:
    """Agent type → image."""
    return MappingProxyType({agent: f"{prefix}/{agent}:{tag}" for agent in AGENT_TYPES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The controller's settings. Times are seconds, sizes Kubernetes quantities."""

    agent_images: Mapping[str, str] = field(default_factory=default_images)
    image_pull_policy: str | None = None
    runner_image: str = f"{REGISTRY}/kelos-runner:latest"
    runner_command: tuple[str, ...] = ("python3", "/kelos/runner.pyz")
    infrastructure_retries: int = 3
    repeats_disrupted: bool = True
    """Whether a pod that its node lost is replaced. On a machine that is all of the cluster, losing it is an end."""
    cancel_grace_seconds: int = 20
    """How long an agent may take to end after SIGTERM."""
    cancel_limit_seconds: int = 90
    """After this long a cancelled Task ends even if its pod never reported."""
    deadline_grace_seconds: int = 60
    """The Job's deadline lies this far behind the runner's own, as a backstop."""
    workspace_size_limit: str = "10Gi"
    plugins_size_limit: str = "2Gi"
    persistent_size: str = "10Gi"
    """Storage asked for when the claim of a persistent Workspace is made."""
    persistent_storage_class: str | None = None
    """Its storage class; the cluster's default when None."""
    prepare_requests: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "64Mi"})
    )
    prepare_limits: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({"cpu": "1", "memory": "1Gi", "ephemeral-storage": "10Gi"})
    )
    source_memory_bytes: int | None = None
    """What is kept from sources takes so much at most; a quarter of the container's limit when None."""
    spawner_image: str | None = f"{REGISTRY}/kelos:latest"
    """Of the process that a Dedicated TaskSpawner gets; None where no Deployments and CronJobs are run."""
    spawner_requests: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({"cpu": "10m", "memory": "128Mi"})
    )
    spawner_limits: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"memory": "512Mi"}))
