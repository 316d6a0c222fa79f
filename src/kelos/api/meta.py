"""What every object shares: the frozen model, object metadata, references, conditions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Strict, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel

_ALIASES = {"agents_md": "agentsMD", "api_base_url": "apiBaseURL", "cost_usd": "costUSD", "pod_uid": "podUID"}


def _alias(field: str) -> str:
    return _ALIASES.get(field) or to_camel(field)


class Model(BaseModel):
    """Part of a manifest: camelCase outside, frozen inside; unknown fields are passed over, null means absent."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=_alias, validate_by_name=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _null_means_absent(cls, data: object) -> object:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


Int32 = Annotated[int, Strict(), Field(json_schema_extra={"format": "int32"})]
Int64 = Annotated[int, Strict(), Field(json_schema_extra={"format": "int64"})]
Flag = Annotated[bool, Strict()]

OPEN_OBJECT = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
OpenObject = Annotated[dict[str, Any], WithJsonSchema(OPEN_OBJECT)]
"""A pod type that the API server checks when the Job is built; here it is any object."""


def named_object(max_name_length: int) -> dict[str, Any]:
    """The schema of an open object that has a name."""
    name = {"type": "string", "maxLength": max_name_length}
    return {**OPEN_OBJECT, "required": ["name"], "properties": {"name": name}}


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """CEL rules with their messages, as the extra of a model or field."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


# Matching with a pattern that does not compile is an error, and an error refuses the object.
Pattern = Annotated[
    str,
    Field(
        max_length=1024,
        json_schema_extra=rules(("''.matches(self) in [true, false]", "must be a regular expression (RE2)")),
    ),
]


class ObjectMeta(Model):
    """The part of `metadata` that decisions look at."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()

    @property
    def controller(self) -> OwnerReference | None:
        """The one owner that manages this object."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class OwnerReference(Model):
    """Whose deletion takes this object along."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class Object(Model):
    """An API object: metadata next to whatever the kind adds."""

    meta: ObjectMeta = Field(default_factory=ObjectMeta, alias="metadata")

    @property
    def is_being_deleted(self) -> bool:
        return self.meta.deletion_timestamp is not None


class SecretReference(Model):
    """A Secret in the same namespace."""

    name: str = Field(min_length=1, max_length=253, description="Name of the Secret.")


class WorkspaceReference(Model):
    """A Workspace in the same namespace."""

    name: str = Field(description="Name of the Workspace.")


class AgentConfigReference(Model):
    """An AgentConfig in the same namespace."""

    name: str = Field(description="Name of the AgentConfig.")


class WorkerPoolReference(Model):
    """A WorkerPool; known only to be refused with a sentence."""

    name: str = Field(description="Name of the WorkerPool.")


class SecretValuesSource(Model):
    """All keys of a Secret."""

    secret_ref: SecretReference = Field(description="The Secret whose keys and values are taken.")


class Condition(Model):
    """One standard Kubernetes condition."""

    type: str = Field(max_length=316, description="What the condition is about, in CamelCase.")
    status: str = Field(json_schema_extra={"enum": ["True", "False", "Unknown"]}, description="True, False or Unknown.")
    observed_generation: Int64 | None = Field(
        default=None, ge=0, description="Generation of the object that the condition was set for."
    )
    last_transition_time: datetime | None = Field(default=None, description="When the status last flipped.")
    reason: str = Field(default="", max_length=1024, description="One CamelCase word that says why.")
    message: str = Field(default="", max_length=32768, description="One sentence for people.")


def find_condition(conditions: tuple[Condition, ...], type: str) -> Condition | None:
    """The condition of that type, if it was ever set."""
    return next((condition for condition in conditions if condition.type == type), None)
