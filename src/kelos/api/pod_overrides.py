"""How a Task may change its pod: the few typed fields we read, and open objects for what Kubernetes checks itself."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from kelos.api.meta import OPEN_OBJECT, Int64, Model, OpenObject, named_object, rules
from kelos.api.names import RESERVED_CONTAINERS, RESERVED_PREFIX, VOLUME_WORKSPACE

_RESERVED = ", ".join(f"'{name}'" for name in RESERVED_CONTAINERS)
_CONTAINER_NAME = rules(
    (
        f"self.all(c, c.name != '' && !c.name.startsWith('{RESERVED_PREFIX}') && !(c.name in [{_RESERVED}]))",
        f"container names must not be empty, start with '{RESERVED_PREFIX}' or be one of {_RESERVED}",
    )
)
_VOLUME_NAME = rules(
    (
        f"self.all(v, v.name != '{VOLUME_WORKSPACE}' && !v.name.startsWith('{RESERVED_PREFIX}'))",
        f"volume names must not be '{VOLUME_WORKSPACE}' or start with '{RESERVED_PREFIX}'",
    )
)
_BY_NAME: dict[str, Any] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}

Named = Annotated[dict[str, Any], WithJsonSchema(named_object(63))]
EnvVar = Annotated[
    dict[str, Any], WithJsonSchema({**OPEN_OBJECT, "required": ["name"], "properties": {"name": {"type": "string"}}})
]


class PodOverrides(Model):
    """Changes to the agent's pod."""

    labels: dict[str, str] | None = Field(default=None, description="Labels added to the pod; ours win.")
    resources: OpenObject | None = Field(default=None, description="Requests and limits of the agent container.")
    active_deadline_seconds: Int64 | None = Field(
        default=None, ge=1, description="Hard limit in seconds for the whole Job, clone and waiting included."
    )
    env: tuple[EnvVar, ...] = Field(
        default=(), description="Environment of the agent container; a name that we set ourselves is dropped."
    )
    node_selector: dict[str, str] | None = Field(default=None, description="Labels of the nodes the pod may run on.")
    service_account_name: str | None = Field(
        default=None, description="ServiceAccount of the pod; without it no token is mounted."
    )
    volumes: tuple[Named, ...] = Field(
        default=(), max_length=128, json_schema_extra=_VOLUME_NAME, description="Volumes added to the pod."
    )
    volume_mounts: tuple[OpenObject, ...] = Field(default=(), description="Mounts added to the agent container.")
    pod_security_context: OpenObject | None = Field(
        default=None, description="Replaces the pod's security context; fsGroup is kept when unset."
    )
    container_security_context: OpenObject | None = Field(
        default=None, description="Replaces the agent container's security context."
    )
    tolerations: tuple[OpenObject, ...] = Field(default=(), description="Tolerations of the pod.")
    affinity: OpenObject | None = Field(default=None, description="Affinity of the pod.")
    image_pull_secrets: tuple[OpenObject, ...] = Field(default=(), description="Secrets for pulling the images.")
    extra_containers: tuple[Named, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra={**_BY_NAME, **_CONTAINER_NAME},
        description="Containers that run next to the agent and end with it.",
    )
    extra_init_containers: tuple[Named, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra={**_BY_NAME, **_CONTAINER_NAME},
        description="Init containers that run after the checkout is ready.",
    )
