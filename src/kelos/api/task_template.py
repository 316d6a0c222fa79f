"""The template of a TaskSpawner: what its Tasks look like."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from kelos.api import names
from kelos.api.context_source import ContextSource
from kelos.api.meta import Model, rules
from kelos.api.task import RunFields
from kelos.api.worker import (
    BASE_REF_IN_A_WORKSPACE,
    HAS_FLAT_TYPE,
    HAS_WORKER_TYPE,
    NO_WORKER_POOL,
    ONE_FORM_OF_AGENT_CONFIGS,
    WORKER_OR_FLAT,
)

DEFAULT_PROMPT = "{{.Title}}"

RESERVED_LABELS = (names.LABEL_SPAWNER, names.LABEL_CREDENTIAL)
RESERVED_ANNOTATIONS = (
    names.ANNOTATION_ADMISSION,
    names.ANNOTATION_ITEM,
    names.ANNOTATION_TRIGGERED_BY,
    names.ANNOTATION_SPEC_HASH,
    names.ANNOTATION_CANCEL,
    names.ANNOTATION_LEASE,
    names.ANNOTATION_COMMENT_ID,
    names.ANNOTATION_REPORT_PHASE,
    names.ANNOTATION_CHECK_RUN_ID,
    names.ANNOTATION_CHECK_PHASE,
    names.ANNOTATION_COMMENT_INTENT,
    names.ANNOTATION_CHECK_INTENT,
    names.ANNOTATION_HEAD_CHECK,
    names.ANNOTATION_CHECK_FORM,
    names.ANNOTATION_REPORTED_AT,
)


def _none_of(keys: tuple[str, ...]) -> dict[str, Any]:
    listed = ", ".join(f"'{key}'" for key in keys)
    return rules((f"[{listed}].all(key, !(key in self))", f"must not have {', '.join(keys)}: they are set for you"))


class TaskMetadata(Model):
    """Labels and annotations of the Tasks."""

    labels: Annotated[dict[str, str], Field(json_schema_extra=_none_of(RESERVED_LABELS))] = Field(
        default_factory=dict, description="Labels; their values are Go templates."
    )
    annotations: Annotated[dict[str, str], Field(json_schema_extra=_none_of(RESERVED_ANNOTATIONS))] = Field(
        default_factory=dict, description="Annotations; their values are Go templates."
    )


class TaskTemplate(RunFields):
    """What a Task is made of. Templates are Go templates over the variables of the item."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            NO_WORKER_POOL,
            (
                f"has(self.workerPoolRef) || ({HAS_WORKER_TYPE}) || ({HAS_FLAT_TYPE})",
                "either 'worker' with a type, or 'type' must be set",
            ),
            WORKER_OR_FLAT,
            ONE_FORM_OF_AGENT_CONFIGS,
            BASE_REF_IN_A_WORKSPACE,
        )
    )

    prompt_template: str | None = Field(
        default=None,
        max_length=names.PROMPT_LIMIT_BYTES,
        description=f"Template of the prompt; {DEFAULT_PROMPT} when unset.",
    )
    branch: str | None = Field(default=None, description="Template of the branch; none when it renders to nothing.")
    base_ref: str | None = Field(
        default=None,
        description="Template of the branch, tag or commit that a new branch starts at; "
        "the Workspace's ref when it renders to nothing.",
    )
    name_template: str | None = Field(
        default=None, description="Template of the Task's name; made of spawner and item when unset."
    )
    metadata: TaskMetadata = Field(default_factory=TaskMetadata, description="Labels and annotations of the Tasks.")
    context_sources: tuple[ContextSource, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        description="What is fetched for each item, for templates.",
    )
    depends_on: tuple[str, ...] = Field(
        default=(), description="Names of Tasks in this namespace that must succeed first."
    )
    upstream_repo: str | None = Field(
        default=None, description="owner/repo that pull requests go to; the source's repo when unset."
    )

    @property
    def prompt(self) -> str:
        """The template that counts."""
        return self.prompt_template or DEFAULT_PROMPT
